package mailreport

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// sampleFolder holds real reports that are not part of the project.
const sampleFolder = "../../../shared/samples"

func TestSampleMailsAndFilesHoldOneReportEach(t *testing.T) {
	mails, _ := filepath.Glob(filepath.Join(sampleFolder, "*", "*.eml"))
	files, _ := filepath.Glob(filepath.Join(sampleFolder, "*", "*.json"))
	if len(mails)+len(files) == 0 {
		t.Skip("the sample reports are not here: " + sampleFolder)
	}
	for _, name := range append(mails, files...) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			body, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := Extract(body, filepath.Base(name), false)
			if wantMail := filepath.Ext(name) == ".eml"; got.Mail != wantMail {
				t.Errorf("Mail = %t, want %t", got.Mail, wantMail)
			}
			if len(got.Documents) != 1 || got.Problem != nil {
				t.Fatalf("got %d documents, problem %v, want one document", len(got.Documents), got.Problem)
			}
			doc := got.Documents[0]
			if doc.Problem != nil {
				t.Fatalf("the document has a problem: %v", *doc.Problem)
			}
			report, err := tlsrpt.DecodeBytes(doc.Raw, doc.Hints)
			if err != nil {
				t.Fatal(err)
			}
			if got.Mail && doc.Hints.ReportDomain != report.Policies[0].Domain {
				t.Errorf("the header names %q, the report %q", doc.Hints.ReportDomain, report.Policies[0].Domain)
			}
		})
	}
}
