package mailreport

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestSeveralReportsInOneDocument(t *testing.T) {
	second := strings.Replace(reportJSON, `"report-id":"1"`, `"report-id":"2"`, 1)
	both := found{Documents: []string{reportJSON, second}}
	alone := func(document string) found { return found{Documents: []string{document}} }
	for _, c := range []struct {
		name, content string
		want          found
	}{
		{"a report to a line", reportJSON + "\n" + second + "\n", both},
		{"a report right after another", reportJSON + second, both},
		{"an array", "[" + reportJSON + ",\n" + second + "]\n", both},
		{"an array with a byte order mark and white space", "\ufeff [ \n" + reportJSON + ", " + second + "]", both},
		{"an array of one", "[" + reportJSON + "]", alone(reportJSON)},
		{"an array in which not all are reports", `[` + reportJSON + `,{"a":1},2,null]`, found{Documents: []string{reportJSON, `{"a":1}`}}},
		{"a key in other case", reportJSON + `{"Policies":[]}`, found{Documents: []string{reportJSON, `{"Policies":[]}`}}},
		{"a report after another object", `{"a":1} ` + reportJSON, found{Documents: []string{`{"a":1}`, reportJSON}}},
		{"something after the last one stays with it", reportJSON + "\n" + second + "\n-- \nfooter\n", found{Documents: []string{reportJSON, second + "\n-- \nfooter"}}},
		{"one alone stays as it is", " " + reportJSON + "\n\n", alone(" " + reportJSON + "\n\n")},
		{"one with a footer stays as it is", reportJSON + "\n-- \nfooter\n", alone(reportJSON + "\n-- \nfooter\n")},
		{"a second one that is cut short stays trailing data", reportJSON + second[:90], alone(reportJSON + second[:90])},
		{"an object that is no report stays trailing data", reportJSON + `{"a":{"policies":1}}`, alone(reportJSON + `{"a":{"policies":1}}`)},
		{"a report behind something else stays trailing data", reportJSON + "x" + second, alone(reportJSON + "x" + second)},
		{"an array that is cut short goes to the decoder", "[" + reportJSON + "," + second, alone("[" + reportJSON + "," + second)},
		{"too many reports", strings.Repeat(reportJSON, MaxParts+1), found{Documents: slices.Repeat([]string{reportJSON}, MaxParts), Problem: ReasonTooMany}},
		{"as many as may be", strings.Repeat(reportJSON, MaxParts), found{Documents: slices.Repeat([]string{reportJSON}, MaxParts)}},
	} {
		for wrapping, item := range map[string]string{
			"in a file": c.content, "in gzip": gzipped(c.content), "in a mail": reportMail(attachment("application/tlsrpt+json", "x", c.content)),
		} {
			t.Run(c.name+", "+wrapping, func(t *testing.T) {
				if diff := cmp.Diff(c.want, summarize(Extract([]byte(item), "x", wrapping == "in a mail"))); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
	t.Run("in gzip streams that were joined", func(t *testing.T) {
		if diff := cmp.Diff(both, summarize(Extract([]byte(gzipped(reportJSON)+gzipped(second)), "x", false))); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestArraysThatHoldNoReport(t *testing.T) {
	const other = `[{"a":1},{"b":2}]`
	whole := found{Documents: []string{other}}
	for _, c := range []struct {
		name, file, content string
		want                found
	}{
		{"named as JSON goes to the decoder", "x.json", other, whole},
		{"named as JSON, in gzip", "x.json.gz", gzipped(other), whole},
		{"of another name is ignored", "list", other, ignored},
		{"of another name, in gzip", "list.gz", gzipped(other), ignored},
		{"text in brackets is ignored", "README", "[section]\nkey=value\n", ignored},
		{"a list of names is ignored", "names", `["a", "b"]`, ignored},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, summarize(Extract([]byte(c.content), c.file, false))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
	_, err := tlsrpt.DecodeBytes([]byte(other), tlsrpt.Hints{})
	if err == nil || !strings.Contains(err.Error(), "not-rfc8460: The document is JSON, but an array") {
		t.Errorf("the decoder says %v", err)
	}
}

// What stands before the header of a mail is passed over alike by what reads its
// report and by what judges its sender.
func TestAMailIsReadAndJudgedFromItsHeaderOn(t *testing.T) {
	s := newSigner(t, "reporter.example")
	signed := s.sign(t, reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))))
	for name, before := range map[string]string{
		"an empty line": "\n", "empty lines": "\r\n\r\n", "white space": " \t \n", "a byte order mark": "\ufeff", "all of these": "\r\n\ufeff\n ",
		"the line of an mbox": "From tls@reporter.example Sun Mar  1 00:00:00 2026\n", "that line below an empty one": "\n>From x\r\n",
	} {
		for _, mailbox := range []bool{true, false} {
			body := []byte(before + signed)
			e := Extract(body, "1.eml", mailbox)
			if diff := cmp.Diff(oneReport, summarize(e)); diff != "" || !e.Mail {
				t.Errorf("%s, mail %t: -want +got\n%s", name, e.Mail, diff)
			}
		}
		for wrapping, item := range map[string]string{"": before + signed, " in gzip": gzipped(before + signed)} {
			a := NewAuthenticator(ModeDKIM, "", &zone{answers: map[string]any{s.name(): s.record("")}})
			if v := a.Judge(t.Context(), []byte(item)); v != valid("reporter.example") {
				t.Errorf("%s%s: %+v", name, wrapping, v)
			}
		}
	}
}
