package mailreport

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/gzip"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	reportJSON = `{"organization-name":"Example","date-range":{"start-datetime":"2026-03-01T00:00:00Z","end-datetime":"2026-03-02T00:00:00Z"},` +
		`"contact-info":"x","report-id":"1","policies":[{"policy":{"policy-type":"sts","policy-domain":"example.com"},"summary":{}}]}`
	dmarcXML = `<?xml version="1.0"?><feedback><report_metadata/></feedback>`
	// packageJSON is what people send, tutorialJSON no report of RFC 8460 either.
	packageJSON  = `{"name":"x","version":1}`
	tutorialJSON = `{"failed-connections":2,"email-server":"mx.example.org"}`
	reportName   = "reporter.example!example.com!1772323200!1772409599!001.json"
)

// marked are the headers by which a mail announces a TLS report.
const marked = "From: <tls@reporter.example>\r\nTo: tlsrpt@example.com\r\nSubject: Report Domain: example.com\r\n" +
	"TLS-Report-Domain: example.com\r\nTLS-Report-Submitter: reporter.example\r\nMIME-Version: 1.0\r\n"

// unmarked are those of any other mail.
const unmarked = "From: <someone@reporter.example>\r\nTo: tlsrpt@example.com\r\nSubject: Hello\r\nMIME-Version: 1.0\r\n"

func gzipped(content string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

// wide returns ASCII in UTF-16, with a byte order mark.
func wide(ascii string) string {
	out := []byte("\xff\xfe")
	for _, c := range []byte(ascii) {
		out = append(out, c, 0)
	}
	return string(out)
}

// zipped returns an archive of members, given as name and content in turn.
func zipped(members ...string) string {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		m, _ := w.Create(members[i])
		m.Write([]byte(members[i+1]))
	}
	w.Close()
	return b.String()
}

func inBase64(content string) string {
	encoded := base64.StdEncoding.EncodeToString([]byte(content))
	var lines strings.Builder
	for len(encoded) > 76 {
		lines.WriteString(encoded[:76] + "\r\n")
		encoded = encoded[76:]
	}
	return lines.String() + encoded + "\r\n"
}

// multipart returns the rest of a mail: its content type and its parts.
func multipart(contentType string, parts ...string) string {
	return "Content-Type: " + contentType + "; boundary=\"=_b\"\r\n\r\nA preamble.\r\n--=_b\r\n" +
		strings.Join(parts, "\r\n--=_b\r\n") + "\r\n--=_b--\r\n"
}

// reportMail returns a mail as RFC 8460 section 5.3 wants it, with the report
// part as given.
func reportMail(part string) string {
	return marked + multipart("multipart/report; report-type=tlsrpt", textPart, part)
}

// around is multipart for a mail that holds another one.
func around(contentType string, parts ...string) string {
	outer := multipart(contentType, "\x00")
	outer = strings.ReplaceAll(outer, "=_b", "=_outer")
	return strings.Replace(outer, "\x00", strings.Join(parts, "\r\n--=_outer\r\n"), 1)
}

const textPart = "Content-Type: text/plain\r\n\r\nThis is an aggregate TLS report."

func attachment(contentType, name, content string) string {
	return "Content-Type: " + contentType + "; name=\"" + name + "\"\r\nContent-Disposition: attachment; filename=\"" + name +
		"\"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inBase64(content)
}

// found is what a test wants to know of an [Extraction].
type found struct {
	Documents []string // the JSON, or "problem: " and its reason
	Warnings  []string
	Forwarded bool
	Ignored   bool
	Problem   string
}

func summarize(e Extraction) found {
	f := found{Ignored: e.Ignored == NotAReport}
	for _, d := range e.Documents {
		if d.Problem != nil {
			f.Documents = append(f.Documents, "problem: "+d.Problem.Reason)
		} else {
			f.Documents = append(f.Documents, string(d.Raw))
		}
		for _, w := range d.Warnings {
			f.Warnings = append(f.Warnings, w.Code)
		}
		f.Forwarded = f.Forwarded || d.Forwarded
	}
	if e.Problem != nil {
		f.Problem = e.Problem.Reason
	}
	return f
}

// longReport is a report without a line end.
var longReport = strings.Replace(reportJSON, `"contact-info":"x"`, `"contact-info":"`+strings.Repeat("x", 5000)+`"`, 1)

func inQuotedPrintable(content string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	w.Binary = true
	w.Write([]byte(content))
	w.Close()
	return b.String()
}

var (
	oneReport = found{Documents: []string{reportJSON}}
	ignored   = found{Ignored: true}
)

func failed(reason string) found { return found{Documents: []string{"problem: " + reason}} }

// wrapped are the rows of the table of reports as they really come, on wrapping.
var wrapped = []struct {
	name string
	mail string
	want found
}{
	{"row 31: application/tlsrpt+gzip", reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON))), oneReport},
	{"row 31: application/tlsrpt+json", reportMail(attachment("application/tlsrpt+json", reportName, reportJSON)), oneReport},
	{"row 31: application/tlsrpt+x-gzip", reportMail(attachment("application/tlsrpt+x-gzip", "x", gzipped(reportJSON))), oneReport},
	{"row 31: bare application/tlsrpt", reportMail(attachment("application/tlsrpt", "x", reportJSON)), oneReport},
	{"row 31: application/gzip", unmarked + multipart("multipart/mixed", attachment("application/gzip", "report.gz", gzipped(reportJSON))), oneReport},
	{"row 31: application/octet-stream", unmarked + multipart("multipart/mixed", attachment("application/octet-stream", "a.bin", gzipped(reportJSON))), oneReport},
	{"row 31: text/plain", unmarked + "Content-Type: text/plain\r\n\r\n" + reportJSON, oneReport},
	{"row 31: application/zip", unmarked + multipart("multipart/mixed", attachment("application/zip", "a.zip", zipped(reportName, reportJSON))), oneReport},
	{"row 31: image/png that is a report", reportMail(attachment("image/png", "x.png", reportJSON)), oneReport},
	{"row 32: gzip where JSON is announced", reportMail(attachment("application/tlsrpt+json", reportName, gzipped(reportJSON))), oneReport},
	{"row 32: zip labelled gzip", reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", zipped("r.json", reportJSON))), oneReport},
	{"row 32: JSON named .json.gz", reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", reportJSON)), oneReport},
	{"row 32: gzip in zip", reportMail(attachment("application/zip", "a.zip", zipped("r.json.gz", gzipped(reportJSON)))), oneReport},
	{"row 32: gzip in gzip is too deep", reportMail(attachment("application/gzip", "a.gz", gzipped(gzipped(reportJSON)))), failed(ReasonTooDeep)},
	{"row 32: gzip in gzip in zip is too deep", reportMail(attachment("application/zip", "a.zip", zipped("r.gz", gzipped(gzipped(reportJSON))))), failed(ReasonTooDeep)},
	{"row 33: base64 with stray blanks and other line faults",
		reportMail("Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64 \r\n\r\n  " +
			strings.ReplaceAll(inBase64(gzipped(reportJSON)), "\r\n", " \t\r \n\n ") + "!"), oneReport},
	{"row 33: base64 that no header announces",
		reportMail("Content-Type: application/tlsrpt+gzip\r\n\r\n" + inBase64(gzipped(reportJSON))), oneReport},
	{"row 33: quoted-printable",
		reportMail("Content-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
			strings.ReplaceAll(reportJSON, `"policies"`, "=22poli=\r\ncies=22")), oneReport},
	{"row 33: quoted-printable in lines that are too long",
		reportMail("Content-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
			strings.Replace(longReport, `"policies"`, "=22policies=22", 1)), found{Documents: []string{longReport}}},
	{"row 33: a quoted-printable gzip",
		reportMail("Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + inQuotedPrintable(gzipped(reportJSON))), oneReport},
	{"row 33: binary", reportMail("Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: binary\r\n\r\n" + gzipped(reportJSON)), oneReport},
	{"row 33: 8bit", reportMail("Content-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + reportJSON), oneReport},
	{"row 33: binary gzip, whatever the header says",
		reportMail("Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + gzipped(reportJSON)), oneReport},
	{"row 33: an encoding that no one knows",
		reportMail("Content-Type: application/tlsrpt+json\r\nContent-Transfer-Encoding: x-rot13\r\n\r\n" + reportJSON), oneReport},
	{"row 33: a gzip with a wrong trailer whose JSON is whole",
		reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)[:len(gzipped(reportJSON))-8]+"\x01\x02\x03\x04\x05\x06\x07\x08")),
		found{Documents: []string{reportJSON}, Warnings: []string{WarnGzipTrailer}}},
	{"row 33: a gzip without its trailer whose JSON is whole",
		reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)[:len(gzipped(reportJSON))-8])),
		found{Documents: []string{reportJSON}, Warnings: []string{WarnGzipTrailer}}},
	{"row 33: a gzip with something behind it",
		reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)+"footer")),
		found{Documents: []string{reportJSON}, Warnings: []string{WarnGzipTrailer}}},
	{"row 33: a gzip cut short in its JSON",
		reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)[:60])), failed(ReasonInvalidGzip)},
	{"row 34: no name at all", marked + "Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inBase64(gzipped(reportJSON)), oneReport},
	{"row 34: a folded name with blanks around it",
		reportMail("Content-Type: application/tlsrpt+gzip; \r\n\tname=\"" + reportName + ".gz\" ; \r\nContent-Disposition: attachment; \n\tfilename=\"" + reportName +
			".gz\" \r\nContent-Transfer-Encoding: base64\r\n\r\n" + inBase64(gzipped(reportJSON))), oneReport},
	{"row 34: a folded subject", strings.Replace(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))),
		"Subject: Report Domain: example.com", "Subject: Report\r\n Domain: example.com\r\n\tSubmitter: reporter.example\r\n Report-ID:\r\n <1>", 1), oneReport},
	{"row 34: a mail without a subject", strings.Replace(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), "Subject: Report Domain: example.com\r\n", "", 1), oneReport},
	{"row 34: a footer part of a list",
		marked + multipart("multipart/mixed", attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)), "Content-Type: text/plain\r\n\r\n{unsubscribe} here"), oneReport},
	{"row 34: a part whose header is broken",
		reportMail("Content-Type application/tlsrpt+gzip\r\nContent-Type: application/x; =\r\n broken line\r\nContent-Transfer-Encoding: base64\r\n\r\n" + inBase64(gzipped(reportJSON))),
		oneReport},
	{"row 34: a part without a header", reportMail("\r\n" + gzipped(reportJSON)), oneReport},
	{"row 34: a part without a header and the empty line after it", reportMail(strings.Replace(reportJSON, "{", "{\n\n", 1)),
		found{Documents: []string{strings.Replace(reportJSON, "{", "{\n\n", 1)}}},
	{"row 34: a boundary that no header names",
		marked + "Content-Type: multipart/report; boundary=; report-type=tlsrpt\r\n\r\n--xyz\r\n" + attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)) + "\r\n--xyz--\r\n", oneReport},
	{"row 34: a mail without its last boundary",
		strings.TrimSuffix(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), "\r\n--=_b--\r\n"), oneReport},
	{"row 35: a subject that names another report",
		strings.Replace(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), "Subject: Report Domain: example.com", "Subject: Report Domain: other.example\r\n Report-ID: <2>", 1), oneReport},
	{"row 36: several reports in one mail",
		marked + multipart("multipart/mixed", attachment("application/gzip", "a.gz", gzipped(reportJSON)), attachment("application/json", "b.json", reportJSON)),
		found{Documents: []string{reportJSON, reportJSON}}},
	{"row 36: several reports in one zip",
		reportMail(attachment("application/zip", "a.zip", zipped("a.json", reportJSON, "readme.xml", dmarcXML, "b.json", reportJSON))),
		found{Documents: []string{reportJSON, reportJSON}}},
	{"row 36: a report in a forwarded mail",
		unmarked + around("multipart/mixed", textPart, "Content-Type: message/rfc822\r\n\r\n"+reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))),
		found{Documents: []string{reportJSON}, Forwarded: true}},
	{"row 36: a report in a mail that is attached as octets",
		unmarked + multipart("multipart/mixed", attachment("application/octet-stream", "mail.eml", reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))))),
		found{Documents: []string{reportJSON}, Forwarded: true}},
	{"row 38: a DMARC report in gzip", unmarked + multipart("multipart/mixed", attachment("application/gzip", "a!b!1!2.xml.gz", gzipped(dmarcXML))), ignored},
	{"row 38: a DMARC report in zip", unmarked + multipart("multipart/mixed", attachment("application/zip", "a!b!1!2.zip", zipped("a!b!1!2.xml", dmarcXML))), ignored},
	{"row 38: a broken DMARC report", unmarked + multipart("multipart/mixed", attachment("application/gzip", "a!b!1!2.xml.gz", gzipped(dmarcXML)[:40])), ignored},
	{"row 38: a bounce", unmarked + around("multipart/report; report-type=delivery-status", textPart,
		"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com",
		"Content-Type: message/rfc822\r\n\r\n"+reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))), ignored},
	{"row 38: a person's mail", unmarked + "\r\nHello {world}", ignored},
	{"row 38: a person's mail that starts with a brace", unmarked + "\r\n{hello} world", ignored},
	{"row 38: a person's mail with a zip of many files",
		unmarked + multipart("multipart/mixed", attachment("application/zip", "photos.zip", zipped("1", "a", "2", "b", "3", "c", "4", "d", "5", "e"))), ignored},
	{"row 38: a person's mail with an archive", unmarked + multipart("multipart/mixed", attachment("application/gzip", "a.tar.gz", gzipped("ustar"))), ignored},
	{"row 38: an empty mail", "", ignored},
	{"row 38: a person's mail with JSON", unmarked + multipart("multipart/mixed", textPart, attachment("application/json", "package.json", packageJSON)), ignored},
	{"row 38: a person's mail with JSON that is no object", unmarked + multipart("multipart/mixed", textPart, attachment("application/json", "list.json", "[1]")), ignored},
	{"row 38: a person's mail with JSON in UTF-16", unmarked + multipart("multipart/mixed", attachment("application/json", "x.json", wide(packageJSON))), ignored},
	{"row 38: a person's mail with JSON in gzip", unmarked + multipart("multipart/mixed", attachment("application/gzip", "package.json.gz", gzipped(packageJSON))), ignored},
	{"row 38: a person's mail with JSON in zip", unmarked + multipart("multipart/mixed", attachment("application/zip", "x.zip", zipped("package.json", packageJSON, "a.txt", "a"))), ignored},
	{"row 38: a person's JSON beside a report", unmarked + multipart("multipart/mixed", attachment("application/json", "package.json", packageJSON), attachment("application/json", "x.json", reportJSON)), oneReport},
	{"row 39: a report about report mail", strings.ReplaceAll(reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON))), "reporter.example", "example.com"), oneReport},
	{"row 40: JSON of another kind goes to the decoder", reportMail(attachment("application/json", "x.json", `{"a":1}`)), found{Documents: []string{`{"a":1}`}}},
	{"row 40: JSON of another kind in a mail's text goes to the decoder", marked + "\r\n{\"a\":1}", found{Documents: []string{`{"a":1}`}}},
	{"row 40: JSON of another kind goes to the decoder where a later part announces a report",
		unmarked + multipart("multipart/mixed", attachment("application/json", "x.json", `{"a":1}`), "Content-Type: application/tlsrpt+gzip\r\n\r\n"), found{Documents: []string{`{"a":1}`}}},
	{"row 40: JSON of another kind goes to the decoder where its name is a report's",
		unmarked + multipart("multipart/mixed", attachment("application/json", reportName, `{"a":1}`)), found{Documents: []string{`{"a":1}`}}},
	{"row 40: JSON as one tutorial shows it goes to the decoder, though nothing announces it", unmarked + multipart("multipart/mixed", attachment("application/json", "x.json", tutorialJSON)), found{Documents: []string{tutorialJSON}}},
	{"row 40: JSON as one tutorial shows it in gzip", unmarked + multipart("multipart/mixed", attachment("application/gzip", "x.gz", gzipped(tutorialJSON))), found{Documents: []string{tutorialJSON}}},
	{"row 40: JSON whose keys are written freely", unmarked + multipart("multipart/mixed", attachment("application/json", "x.json", `{"Date_Range":{}}`)), found{Documents: []string{`{"Date_Range":{}}`}}},
	{"row 28: a report in UTF-16 that nothing announces goes to the decoder", unmarked + multipart("multipart/mixed", attachment("application/json", "x.json", wide(reportJSON))), found{Documents: []string{wide(reportJSON)}}},
	{"a broken gzip that is named as JSON", unmarked + multipart("multipart/mixed", attachment("application/gzip", "x.json.gz", "\x1f\x8b\x08garbage garbage")), failed(ReasonInvalidGzip)},
	{"row 28: JSON in UTF-16 goes to the decoder", reportMail(attachment("application/tlsrpt+json", reportName, "\xff\xfe{\x00}\x00")), found{Documents: []string{"\xff\xfe{\x00}\x00"}}},
	{"a text part in another character set becomes UTF-8",
		marked + "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n" + strings.Replace(reportJSON, "Example", "Caf\xe9", 1),
		found{Documents: []string{strings.Replace(reportJSON, "Example", "Café", 1)}}},
	{"a mail that announces a report and has none", marked + "\r\nHello", found{Problem: ReasonNoDocument}},
	{"a mail that announces a report and has XML", reportMail(attachment("application/gzip", "x.gz", gzipped(dmarcXML))), found{Problem: ReasonNoDocument}},
	{"a report part that is no archive", reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", "garbage")), found{Problem: ReasonNoDocument}},
	{"a report part that is a broken zip", reportMail(attachment("application/zip", "x.zip", zipped("r.json", reportJSON)[:50])), failed(ReasonInvalidZip)},
	{"a broken report beside a whole one",
		marked + multipart("multipart/mixed", attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)[:60]), attachment("application/tlsrpt+gzip", "y.gz", gzipped(reportJSON))),
		found{Documents: []string{"problem: " + ReasonInvalidGzip, reportJSON}}},
}

func TestReportsAsTheyReallyAreWrapped(t *testing.T) {
	for _, c := range wrapped {
		for _, lines := range []string{"\r\n", "\n"} {
			t.Run(fmt.Sprintf("%s, lines ending in %q", c.name, lines), func(t *testing.T) {
				if strings.Contains(c.mail, "\x1f\x8b") && lines == "\n" {
					t.Skip("changing line ends could break the binary part")
				}
				e := Extract([]byte(strings.ReplaceAll(c.mail, "\r\n", lines)), "", true)
				if !e.Mail {
					t.Error("a mail is not told to be one")
				}
				if diff := cmp.Diff(c.want, summarize(e)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
}

// A droppedFile is a file of a drop, and what is found in it.
type droppedFile struct {
	name, file, content string
	want                found
}

func droppedFiles() []droppedFile {
	return []droppedFile{
		{"JSON without a suffix", "4711", reportJSON, oneReport},
		{"JSON with a byte order mark", "x", "\ufeff" + reportJSON, found{Documents: []string{"\ufeff" + reportJSON}}},
		{"gzip named .json", "x.json", gzipped(reportJSON), oneReport},
		{"zip without a suffix", "x", zipped("a.json", reportJSON), oneReport},
		{"gzip in zip is too deep in a drop", "x.zip", zipped("a.json.gz", gzipped(reportJSON)), failed(ReasonTooDeep)},
		{"row 40: JSON of another kind goes to the decoder", "x", `{"failed-connections":1}`, found{Documents: []string{`{"failed-connections":1}`}}},
		{"a broken gzip", "x", gzipped(reportJSON)[:60], failed(ReasonInvalidGzip)},
		{"an index page", "index.html", "<html><a href=x>x</a></html>", ignored},
		{"text", "README.txt", "Reports go here: see RFC 8460", ignored},
		{"an empty file", "empty", "", ignored},
		{"a DMARC report in gzip", "a!b!1!2.xml.gz", gzipped(dmarcXML), ignored},
		{"a DMARC report in zip", "a!b!1!2.zip", zipped("a.xml", dmarcXML), ignored},
		{"JSON in UTF-16 goes to the decoder", "x", "\xff\xfe{\x00}\x00", found{Documents: []string{"\xff\xfe{\x00}\x00"}}},
		{"text that is named as a report", reportName, "Not found", found{Problem: ReasonNoDocument}},
		{"an empty file that is named as a report", reportName + ".gz", "", found{Problem: ReasonNoDocument}},
	}
}

func TestFilesOfADrop(t *testing.T) {
	for _, c := range droppedFiles() {
		t.Run(c.name, func(t *testing.T) {
			e := Extract([]byte(c.content), c.file, false)
			if e.Mail {
				t.Error("a file is taken for a mail")
			}
			if diff := cmp.Diff(c.want, summarize(e)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestAMailInADropIsAMail(t *testing.T) {
	for name, start := range map[string]string{"as it is": "", "from an mbox": "From tls@reporter.example Sun Mar  1 00:00:00 2026\n"} {
		t.Run(name, func(t *testing.T) {
			e := Extract([]byte(start+reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)))), "1.M2P3.host", false)
			if diff := cmp.Diff(oneReport, summarize(e)); diff != "" || !e.Mail {
				t.Errorf("mail %t, -want +got\n%s", e.Mail, diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	part := attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON))
	inner := tlsrpt.Hints{ReportDomain: "example.com", Submitter: "reporter.example", FromDomain: "reporter.example", FileName: reportName + ".gz"}
	for _, c := range []struct {
		name string
		mail string
		file string
		want tlsrpt.Hints
	}{
		{"of a mail", reportMail(part), "", inner},
		{"of a forwarded mail are the inner ones",
			"From: fwd@example.net\r\nTLS-Report-Domain: outer.example\r\nContent-Type: message/rfc822\r\n\r\n" + reportMail(part), "", inner},
		{"of a forwarded mail without headers of its own are the outer ones",
			"From: fwd@example.net\r\nTLS-Report-Domain: outer.example\r\nTLS-Report-Submitter: sub.example\r\nContent-Type: message/rfc822\r\n\r\n" + unmarked + multipart("multipart/mixed", part), "",
			tlsrpt.Hints{ReportDomain: "outer.example", Submitter: "sub.example", FromDomain: "reporter.example", FileName: reportName + ".gz"}},
		{"of a zip with a name are the zip's where the member's says less",
			marked + multipart("multipart/mixed", attachment("application/zip", reportName+".zip", zipped("report.json", reportJSON))), "",
			tlsrpt.Hints{ReportDomain: "example.com", Submitter: "reporter.example", FromDomain: "reporter.example", FileName: reportName + ".zip"}},
		{"of a zip's member", marked + multipart("multipart/mixed", attachment("application/zip", "r.zip", zipped("dir/"+reportName, reportJSON))), "",
			tlsrpt.Hints{ReportDomain: "example.com", Submitter: "reporter.example", FromDomain: "reporter.example", FileName: reportName}},
		{"of a file are its name", reportJSON, "some/folder/" + reportName, tlsrpt.Hints{FileName: reportName}},
		{"are without control characters",
			strings.Replace(reportMail(part), "reporter.example\r\nMIME", "=?utf-8?q?rep=E2=80=AEorter.example?=\r\nMIME", 1), "", inner},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Extract([]byte(c.mail), c.file, false)
			if len(e.Documents) != 1 {
				t.Fatalf("got %+v", summarize(e))
			}
			if diff := cmp.Diff(c.want, e.Documents[0].Hints); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDocumentsShareNoMemoryWithTheItem(t *testing.T) {
	body := []byte(reportJSON)
	e := Extract(body, "x", false)
	clear(body)
	if diff := cmp.Diff(oneReport, summarize(e), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
