package mailreport

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// nestedMail returns a report mail whose report is depth multiparts deep.
func nestedMail(depth int) string {
	inner := attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))
	for i := range depth {
		b := fmt.Sprintf("=_%d", i)
		inner = "Content-Type: multipart/mixed; boundary=\"" + b + "\"\r\n\r\n--" + b + "\r\n" + inner + "\r\n--" + b + "--\r\n"
	}
	return marked + inner
}

// forwarded returns a mail n times in another one, which announces nothing.
func forwarded(n int, mail string) string {
	return strings.Repeat(unmarked+"Content-Type: message/rfc822\r\n\r\n", n) + mail
}

func TestMailsThatAreNotReadWhole(t *testing.T) {
	report := reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))
	many := func(last string) string {
		pictures := slices.Repeat([]string{attachment("image/png", "x.png", "picture")}, MaxParts+10)
		return unmarked + multipart("multipart/mixed", append(pictures, last)...)
	}
	read := oneReport
	read.Forwarded = true
	tooDeep, tooMany := found{Problem: ReasonTooDeep}, found{Problem: ReasonTooMany}
	for _, c := range []struct {
		name string
		mail string
		want found
	}{
		{"a report in 4 mails is read", forwarded(4, report), read},
		{"a report in 5 mails is too deep", forwarded(5, report), tooDeep},
		{"a report in 6 mails is too deep, though what announces it is not opened", forwarded(6, report), tooDeep},
		{"a report in 50 mails is too deep", forwarded(50, report), tooDeep},
		{"a report in 6 multiparts that announces nothing is too deep", strings.Replace(nestedMail(MaxMIMEDepth+1), marked, unmarked, 1), tooDeep},
		{"a person's mail in 4 mails is ignored", forwarded(4, unmarked+"\r\nHello"), ignored},
		{"a bounce of what is too deep is ignored", unmarked + around("multipart/report; report-type=delivery-status", textPart,
			"Content-Type: message/rfc822\r\n\r\n"+forwarded(6, report)), ignored},
		{"a person's many pictures are ignored", many(textPart), ignored},
		{"many pictures with a report behind them are too many parts", many(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), tooMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, summarize(Extract([]byte(c.mail), "", true))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func reportOfSize(n int) string {
	return `{"policies":[],"x":"` + strings.Repeat("a", n-len(`{"policies":[],"x":""}`)) + `"}`
}

func TestLimits(t *testing.T) {
	members := func(n int) string {
		var m []string
		for i := range n {
			m = append(m, fmt.Sprintf("%d.json", i), reportJSON)
		}
		return zipped(m...)
	}
	large := reportOfSize(tlsrpt.MaxDocument)
	for _, c := range []struct {
		name string
		body string
		file string
		want string // the problem, of the item or of its last document
		docs int
	}{
		{"5 levels of parts are read", nestedMail(MaxMIMEDepth), "", "", 1},
		{"6 levels of parts are too deep", nestedMail(MaxMIMEDepth + 1), "", ReasonTooDeep, 0},
		{"1,000 levels of parts are too deep", nestedMail(1000), "", ReasonTooDeep, 0},
		{"50 parts are read", manyParts("text/plain", MaxParts-1, "x"), "", "", 1},
		{"51 parts are too many", manyParts("text/plain", MaxParts, "x"), "", ReasonTooMany, 0},
		{"4 members are read", reportMail(attachment("application/zip", "x.zip", members(MaxMembers))), "", "", MaxMembers},
		{"5 members are too many", reportMail(attachment("application/zip", "x.zip", members(MaxMembers+1))), "", ReasonTooMany, 1},
		{"5 members are too many in a drop, too", members(MaxMembers + 1), "x.zip", ReasonTooMany, 1},
		{"20 MiB inflated are read", reportMail(attachment("application/gzip", "x.gz", gzipped(large))), "", "", 1},
		{"a byte more inflated is too large", reportMail(attachment("application/gzip", "x.gz", gzipped(large+" "))), "", ReasonTooLarge, 1},
		{"a bomb in gzip is too large", gzipped(strings.Repeat("\x00", 200<<20)), "x", ReasonTooLarge, 1},
		{"a bomb in zip is too large", reportMail(attachment("application/zip", "x.zip", zipped("a.json", strings.Repeat(" ", 100<<20)))), "", ReasonTooLarge, 1},
		{"three documents of 20 MiB are too large together",
			marked + multipart("multipart/mixed", attachment("application/gzip", "a.gz", gzipped(large)), attachment("application/gzip", "b.gz", gzipped(large)),
				attachment("application/gzip", "c.gz", gzipped(large))), "", ReasonTooLarge, 3},
		{"a mail of 15 MiB is read", reportMail("\r\n"+reportJSON) + strings.Repeat("\n", MaxMail-len(reportMail("\r\n"+reportJSON))), "", "", 1},
		{"a larger mail is too large", reportMail("\r\n"+reportJSON) + strings.Repeat("\n", MaxMail), "", ReasonTooLarge, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Extract([]byte(c.body), c.file, c.file == "")
			got := ""
			if n := len(e.Documents); n > 0 && e.Documents[n-1].Problem != nil {
				got = e.Documents[n-1].Problem.Reason
			}
			if e.Problem != nil {
				got = e.Problem.Reason
			}
			if got != c.want || len(e.Documents) != c.docs {
				t.Errorf("problem %q in %d documents, want %q in %d", got, len(e.Documents), c.want, c.docs)
			}
		})
	}
}

func TestABoundKeepsTheReportsBeforeIt(t *testing.T) {
	parts := make([]string, MaxParts+10)
	for i := range parts {
		parts[i] = textPart
	}
	parts[0] = attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))
	e := Extract([]byte(marked+multipart("multipart/mixed", parts...)), "", true)
	want := oneReport
	want.Problem = ReasonTooMany
	if diff := cmp.Diff(want, summarize(e)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
