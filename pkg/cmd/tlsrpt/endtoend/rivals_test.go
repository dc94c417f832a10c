package endtoend

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// forger is the domain of who forges reports. Its signatures are valid.
const forger = "forger.example"

// An arrival is one mail, or one file of the drop, that comes in.
type arrival struct {
	// report is the number of the real report that it is, or imitates.
	report int
	// mail is a whole mail; otherwise file is a drop's content.
	mail, file []byte
	// forged says how it is one; empty is the real report.
	forged string
	// otherSigner says that its signature is valid, and of the forger.
	otherSigner bool
	// undecidable says that nothing but who came first under the reporter's
	// name tells it from the real one.
	undecidable bool
}

// A realReport is a report with its reporter's signature.
type realReport struct {
	reporter string
	id       string
	document []byte
	facts    []fact
	mails    []arrival // the same twice, under two signatures
	file     arrival
	rivals   []arrival
}

// realReports makes reports of reporters whose signers are known (Google,
// Microsoft, Mail.ru), are not (Comcast, Mimecast), and of invented ones.
func realReports(t *testing.T) []realReport {
	t.Helper()
	generator, err := generate.New(generate.Options{Days: 6, Reporters: 7, Seed: 11, End: time.Date(2026, 5, 31, 0, 0, 0, 0, time.UTC), NoQuirks: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []realReport
	for item := range generator.Items() {
		mail := item.Bytes
		if item.Kind == generate.File {
			mail = mailFrom(item.Submitter, item.Document)
		}
		n := len(all)
		r := realReport{
			reporter: item.Reporter, id: item.ReportID, document: item.Document,
			facts: factsOf(t, n, item.Document, "authenticated", "mb1"),
			file:  arrival{report: n, file: gzipOf(item.Document)},
		}
		for copies := range 2 {
			again := append(fmt.Appendf(nil, "X-Copy: %d\r\n", copies), mail...)
			r.mails = append(r.mails, arrival{report: n, mail: signed(t, item.Submitter, again)})
		}
		r.rivals = rivalsOf(t, n, item)
		all = append(all, r)
	}
	return all
}

// mailFrom puts a document into a mail from a domain.
func mailFrom(domain string, document []byte) []byte {
	return []byte("From: tlsrpt@" + domain + "\r\nTo: " + user + "\r\nSubject: Report\r\nTLS-Report-Submitter: " + domain + "\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: application/tlsrpt+gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + string(inLines(gzipOf(document))))
}

// rivalsOf forges a report in two ways; all of the ways come in turn.
func rivalsOf(t *testing.T, n int, item generate.Item) []arrival {
	t.Helper()
	contact := "tls@" + forger
	_, named := strings.CutSuffix(item.Reporter, ".example")
	known := len(tlsrpt.KnownSigners(item.Reporter)) > 0
	ways := []func() arrival{
		func() arrival {
			return arrival{forged: "unsigned", mail: mailFrom(forger, forgedDocument(t, item.Document, 1, ""))}
		},
		func() arrival {
			return arrival{forged: "unsigned, from the reporter's address", mail: mailFrom(item.Submitter, forgedDocument(t, item.Document, 2, ""))}
		},
		func() arrival {
			mail := signed(t, forger, mailFrom(forger, forgedDocument(t, item.Document, 3, "")))
			return arrival{forged: "signed by the forger", mail: mail, otherSigner: true}
		},
		func() arrival {
			mail := signed(t, forger, mailFrom(forger, forgedDocument(t, item.Document, 4, contact)))
			return arrival{forged: "signed by the forger, who is its contact", mail: mail, otherSigner: true, undecidable: !named && !known}
		},
		func() arrival {
			mail := signed(t, item.Submitter, mailFrom(item.Submitter, item.Document))
			header, _, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
			body := inLines(gzipOf(forgedDocument(t, item.Document, 5, "")))
			return arrival{forged: "under a signature of another body", mail: bytes.Join([][]byte{header, body}, []byte("\r\n\r\n"))}
		},
		func() arrival {
			return arrival{forged: "in the drop", file: forgedDocument(t, item.Document, 6, "")}
		},
		func() arrival {
			inner := signed(t, item.Submitter, mailFrom(item.Submitter, forgedDocument(t, item.Document, 7, "")))
			outer := "From: a@" + forger + "\r\nTo: " + user + "\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
			return arrival{forged: "forwarded by the forger", mail: signed(t, forger, append([]byte(outer), inner...))}
		},
	}
	var rivals []arrival
	for i := range 2 {
		rival := ways[(n*2+i)%len(ways)]()
		rival.report = n
		rivals = append(rivals, rival)
	}
	return rivals
}

// forgedDocument has other numbers under the same reporter, id, period and domains.
func forgedDocument(t *testing.T, document []byte, number int, contact string) []byte {
	t.Helper()
	var r map[string]any
	if err := json.Unmarshal(document, &r); err != nil {
		t.Fatal(err)
	}
	for _, p := range list(r["policies"]) {
		p["summary"] = map[string]any{"total-successful-session-count": 0, "total-failure-session-count": 100_000 + number}
		p["failure-details"] = []any{map[string]any{"result-type": "starttls-not-supported", "failed-session-count": 100_000 + number}}
	}
	if contact != "" {
		r["contact-info"] = contact
	}
	forged, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if keyOf(forged) != keyOf(document) {
		t.Fatalf("%s is no rival of %s", forged, document)
	}
	return forged
}

// name is the arrival's file name in a drop, which says nothing.
func (a arrival) name() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %s", a.report, a.forged))
}
