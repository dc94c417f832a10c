package endtoend

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A sampleCount is what a person counted in a sample.
type sampleCount struct {
	Reporter, Domain, Day string
	Policies, Details     int
	// Successful and Failed are sessions, as reported and distinct.
	SuccessfulReported, FailedReported int64
	SuccessfulDistinct, FailedDistinct int64
	// DetailSessions are those of all failure details.
	DetailSessions int64
	Warnings       string
}

// rfcExample is what RFC 8460 appendix B holds.
var rfcExample = sampleCount{
	Reporter: "Company-X", Domain: "company-y.example", Day: "2016-04-01", Policies: 1, Details: 3,
	SuccessfulReported: 5326, SuccessfulDistinct: 5326, FailedReported: 303, FailedDistinct: 303, DetailSessions: 303,
}

// sampleCounts were counted by hand, a sample each.
var sampleCounts = map[string]sampleCount{
	"dmarc-report-viewer/google.json": {
		Reporter: "Google Inc.", Domain: "foo-bar.io", Day: "2025-05-22", Policies: 1,
		SuccessfulReported: 1, SuccessfulDistinct: 1,
	},
	"dmarc-report-viewer/microsoft.json": {
		Reporter: "Microsoft Corporation", Domain: "random.net", Day: "2025-05-23", Policies: 2,
		SuccessfulReported: 4, SuccessfulDistinct: 2,
	},
	"dmarc-report-viewer/no-contact.json": {
		Reporter: "server.com", Domain: "server.com", Day: "2026-01-11", Policies: 1,
		SuccessfulReported: 1, SuccessfulDistinct: 1, Warnings: "missing-contact-info",
	},
	"dmarc-report-viewer/no-policy.json": {
		Reporter: "Google Inc.", Domain: "foo-bar.io", Day: "2025-03-27", Policies: 1,
		SuccessfulReported: 1, SuccessfulDistinct: 1,
	},
	"dmarc-report-viewer/no_ip_and_mx.json": {
		Reporter: "Microsoft Corporation", Domain: "xxxxxxxx.xx", Day: "2025-06-14", Policies: 1, Details: 1,
		FailedReported: 3, FailedDistinct: 3, DetailSessions: 3,
	},
	"dmarc-report-viewer/rfc-example.json": rfcExample,
	"parsedmarc/google.com_smtp_tls_report.eml": {
		Reporter: "Google Inc.", Domain: "cardinalhealth.ca", Day: "2024-09-03", Policies: 1,
		SuccessfulReported: 48, SuccessfulDistinct: 48,
	},
	"parsedmarc/mail.ru.json": {
		Reporter: "Mail.ru", Domain: "example.com", Day: "2024-02-22", Policies: 1, Details: 2,
		FailedReported: 1, FailedDistinct: 1, DetailSessions: 2, Warnings: "details-differ",
	},
	"parsedmarc/rfc8460.json": rfcExample,
	"parsedmarc/smtp_tls.json": {
		Reporter: "Example Inc.", Domain: "example.com", Day: "2024-01-09", Policies: 1, Details: 2,
		FailedReported: 3, FailedDistinct: 3, DetailSessions: 3,
	},
	"tlsrpt-digest/tlsrpt_failure.eml": {
		Reporter: "Google Inc.", Domain: "example.com", Day: "2026-02-08", Policies: 1, Details: 1,
		SuccessfulReported: 4523, SuccessfulDistinct: 4523, FailedReported: 2, FailedDistinct: 2, DetailSessions: 2,
	},
	"tlsrpt-digest/tlsrpt_success_google_1.eml": {
		Reporter: "Google Inc.", Domain: "example.com", Day: "2026-05-11", Policies: 1,
		SuccessfulReported: 1, SuccessfulDistinct: 1,
	},
}

// TestSamplesHoldWhatWasCounted puts every real sample through the pipeline into
// a store of its own. One without a count above fails.
func TestSamplesHoldWhatWasCounted(t *testing.T) {
	folder := filepath.Join(root, "../shared/samples")
	if _, err := os.Stat(folder); err != nil {
		t.Skip("the real sample reports, which are not part of the repository, are missing: they belong into " + folder)
	}
	met := 0
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "LICENSE" || entry.Name() == "README.md" {
			return err
		}
		want, counted := sampleCounts[name]
		if counted {
			met++
		}
		t.Run(name, func(t *testing.T) {
			if !counted {
				t.Fatal("nobody has counted what this sample holds")
			}
			if diff := cmp.Diff(want, countSample(t, filepath.Join(folder, name))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if met != len(sampleCounts) {
		t.Errorf("%d of %d counted samples are there", met, len(sampleCounts))
	}
}

// countSample asks what became of one sample.
func countSample(t *testing.T, path string) sampleCount {
	t.Helper()
	body, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := newWild(t, 0, nil)
	w.now = moment("2026-06-15T06:00:00Z") // after the newest sample
	f := ingest.File{Source: "mb1", Ref: path, Received: w.now, Route: store.Direct, Mail: filepath.Ext(path) == ".eml", Body: body}
	if !f.Mail {
		f.Name, f.Route = filepath.Base(path), store.Drop
	}
	delivery := w.pipeline.Process(t.Context(), f)
	if len(delivery.Documents) != 1 || delivery.Documents[0].Report == nil {
		t.Fatalf("the sample holds %d documents: %+v", len(delivery.Documents), delivery.Documents)
	}
	if _, err := w.store.Commit(t.Context(), []store.Delivery{delivery}); err != nil {
		t.Fatal(err)
	}
	var c sampleCount
	for field, into := range map[string]*string{"reporter": &c.Reporter, "policyDomain": &c.Domain, "time": &c.Day, "warnings": &c.Warnings} {
		lines := w.ask(`{"queryType":"reports"}`, field)
		if len(lines) != 1 {
			t.Fatalf("the reports have the %s %q", field, lines)
		}
		*into = lines[0]
	}
	c.Policies = len(delivery.Documents[0].Report.Policies)
	c.SuccessfulReported, c.FailedReported = w.sessions("reported")
	c.SuccessfulDistinct, c.FailedDistinct = w.sessions("distinct")
	for _, line := range w.ask(`{"queryType":"failures"}`, "failedSessions") {
		c.Details++
		c.DetailSessions += number(t, line)
	}
	return c
}

func (w *wild) sessions(counting string) (successful, failed int64) {
	w.Helper()
	answer := w.ask(`{"queryType":"summary","metrics":["successfulSessions","failedSessions"],"counting":"`+counting+`"}`, "successfulSessions", "failedSessions")
	if len(answer) != 1 {
		w.Fatalf("the sums are %q", answer)
	}
	a, b, _ := strings.Cut(answer[0], " ")
	return number(w.T, a), number(w.T, b)
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
