package mailreport

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompressedMailsInADrop(t *testing.T) {
	report := reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)))
	twice := found{Documents: []string{reportJSON, reportJSON}}
	person := unmarked + "\r\nHello"
	large := func(n int) string { return report + strings.Repeat("\n", n-len(report)) }
	for _, c := range []struct {
		name, file, content string
		mail                bool
		want                found
	}{
		{"a mail in gzip", "1.eml.gz", gzipped(report), true, oneReport},
		{"a mail in gzip, whatever its name", "1.txt", gzipped(report), true, oneReport},
		{"a mail in gzip that is named as JSON", "x.json.gz", gzipped(report), true, oneReport},
		{"a mail in zip", "1.zip", zipped("1.eml", report), true, oneReport},
		{"mails in zip", "1.zip", zipped("1.eml", report, "2.eml", report), true, twice},
		{"a mail and a report in zip", "1.zip", zipped("1.eml", report, "2.json", reportJSON), true, twice},
		{"a mail without a report in gzip", "1.eml.gz", gzipped(person), true, ignored},
		{"a mail without a report in gzip that is named as JSON", "x.json.gz", gzipped(person), true, found{Problem: ReasonNoDocument}},
		{"a mail without a report beside one with", "1.zip", zipped("1.eml", person, "2.eml", report), true, oneReport},
		{"a mail in gzip that announces a report and has none", "1.eml.gz", gzipped(marked + "\r\nHello"), true, found{Problem: ReasonNoDocument}},
		{"a mail in gzip that nests too deep", "1.eml.gz", gzipped(nestedMail(MaxMIMEDepth + 1)), true, found{Problem: ReasonTooDeep}},
		{"a person's JSON in a mail in gzip", "1.eml.gz", gzipped(unmarked + multipart("multipart/mixed", attachment("application/json", "package.json", packageJSON))), true, ignored},
		{"a mail of 15 MiB in gzip", "1.eml.gz", gzipped(large(MaxMail)), true, oneReport},
		{"a larger mail in gzip", "1.eml.gz", gzipped(large(MaxMail + 1)), true, found{Problem: ReasonTooLarge}},
		{"a mail in gzip in gzip", "1.eml.gz", gzipped(gzipped(report)), false, failed(ReasonTooDeep)},
		{"a mail in gzip in zip", "1.zip", zipped("1.eml.gz", gzipped(report)), false, failed(ReasonTooDeep)},
		{"a bomb in a mail in gzip", "1.eml.gz", gzipped(reportMail(attachment("application/gzip", "x.gz", gzipped(strings.Repeat(" ", 30<<20))))), true, failed(ReasonTooLarge)},
		{"a compressed mail in a mail in gzip is not opened", "1.eml.gz", gzipped(unmarked + multipart("multipart/mixed", attachment("application/gzip", "1.eml.gz", gzipped(report)))), true, ignored},
		{"a mail in gzip that is cut short", "1.eml.gz", gzipped(report)[:200], false, failed(ReasonInvalidGzip)},
		{"text in gzip", "README.gz", gzipped("Reports go here: see RFC 8460"), false, ignored},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Extract([]byte(c.content), c.file, false)
			if e.Mail != c.mail {
				t.Errorf("Mail = %t", e.Mail)
			}
			if diff := cmp.Diff(c.want, summarize(e)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestCompressedMailsAreJudged(t *testing.T) {
	s := newSigner(t, "reporter.example")
	report := reportMail(attachment("application/tlsrpt+gzip", reportName+".gz", gzipped(reportJSON)))
	signed := s.sign(t, report)
	bomb := signed + strings.Repeat(" ", 100<<20)
	for _, c := range []struct{ name, file, trust string }{
		{"a signed mail in gzip is authenticated", gzipped(signed), Authenticated},
		{"a signed mail in zip is, too", zipped("1.eml", signed), Authenticated},
		{"a changed one is not", gzipped(signed + "x"), Unauthenticated},
		{"a signed mail speaks for no other file of its archive", zipped("1.eml", signed, "2.json", reportJSON), Unauthenticated},
		{"a signed mail speaks for no other mail of its archive", zipped("1.eml", signed, "2.eml", report), Unauthenticated},
		{"a compressed mail in compression is not opened", gzipped(gzipped(signed)), Unauthenticated},
		{"a mail that inflates to more than 15 MiB is not verified", gzipped(bomb), Unauthenticated},
		{"a broken gzip is not", gzipped(signed)[:100], Unauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			dns := &zone{answers: map[string]any{s.name(): s.record("")}}
			if v := NewAuthenticator(ModeDKIM, "", dns).Judge(t.Context(), []byte(c.file)); v.Trust != c.trust {
				t.Errorf("got %+v, want %s", v, c.trust)
			}
		})
	}
	e := Extract([]byte(gzipped("Resent-To: <x@example.net>\r\n"+signed)), "1.eml.gz", false)
	if !e.Redirected {
		t.Error("a compressed mail that was passed on is not told to be")
	}
}

// One content must not be judged as the mail in it and read as a mail itself.
func TestAMailboxHoldsNoArchivesThatAreMails(t *testing.T) {
	archive := gzipped(marked + "\r\nHello")
	hybrid := archive[:3] + "\x04" + archive[4:10] + "\xff\x0f\r\n" + strings.Repeat("X: x\r\n", 10) + marked + "\r\n" + reportJSON
	if diff := cmp.Diff(failed(ReasonInvalidGzip), summarize(Extract([]byte(hybrid), "", true))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
