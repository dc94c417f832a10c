package tlsrpt

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"
)

// sampleFolder holds real reports that are not part of the project.
const sampleFolder = "../../../shared/samples"

func TestSampleReportsAreRead(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(sampleFolder, "*", "*.json"))
	if len(files) == 0 {
		t.Skip("the sample reports are not here: " + sampleFolder)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			r, err := DecodeBytes(data, Hints{})
			if err != nil {
				t.Fatal(err)
			}
			if r.End.Sub(r.Start) != 24*time.Hour {
				t.Errorf("the period is %s to %s", r.Start, r.End)
			}
			for _, p := range r.Policies {
				if p.Successful+p.Failed == 0 {
					t.Errorf("the %s policy of %s has no session", p.Type, p.Domain)
				}
			}
		})
	}
}

// FuzzDecode looks for documents that break what every [Report] promises.
func FuzzDecode(f *testing.F) {
	for _, c := range wild {
		f.Add([]byte(c.document), c.hints.ReportDomain, c.hints.FileName)
	}
	for name, document := range wildFiles(f) {
		f.Add(document, "", name)
	}
	f.Fuzz(func(t *testing.T, document []byte, reportDomain, fileName string) {
		r, err := DecodeBytes(document, Hints{ReportDomain: reportDomain, FileName: fileName})
		if err != nil {
			var typed *Error
			if !errors.As(err, &typed) || typed.Reason == "" || typed.Sentence == "" {
				t.Fatalf("error without reason: %v", err)
			}
			checkText(t, typed.Sentence, 4*MaxText)
			return
		}
		checkReport(t, r)
	})
}

// wildFolder holds fixtures of reports as they really come.
const wildFolder = "../cmd/tlsrpt/endtoend/testdata/wild"

// wildFiles returns the fixtures that are no mails, inflated.
func wildFiles(f *testing.F) map[string][]byte {
	f.Helper()
	names, err := filepath.Glob(filepath.Join(wildFolder, "*.json*"))
	if err != nil || len(names) == 0 {
		f.Fatalf("no fixture is in %s: %v", wildFolder, err)
	}
	documents := make(map[string][]byte)
	for _, name := range names {
		document, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if bytes.HasPrefix(document, []byte("\x1f\x8b")) {
			inflated, err := gzip.NewReader(bytes.NewReader(document))
			if err != nil {
				f.Fatal(err)
			}
			document, _ = io.ReadAll(inflated) // one has a wrong trailer on purpose
		}
		documents[filepath.Base(name)] = document
	}
	return documents
}

func checkReport(t *testing.T, r *Report) {
	if r.Reporter == "" || len(r.Policies) == 0 || r.End.Before(r.Start) || !isPlausible(r.Start) {
		t.Fatalf("incomplete report %+v", r)
	}
	checkText(t, r.Reporter, MaxID)
	checkText(t, r.ReportID, MaxID)
	checkText(t, r.ContactInfo, MaxText)
	for _, w := range r.Warnings {
		checkText(t, w.String(), MaxText)
	}
	for _, p := range r.Policies {
		if again, ok := NormalizeDomain(p.Domain); !ok || again != p.Domain {
			t.Fatalf("policy domain %q is not normal", p.Domain)
		}
		checkCount(t, p.Successful)
		checkCount(t, p.Failed)
		checkText(t, p.Type, 2*MaxID)
		for _, line := range append(p.Strings, p.MXHosts...) {
			checkText(t, line, 2*MaxText)
		}
		for _, d := range p.Details {
			checkCount(t, d.FailedSessions)
			checkText(t, d.ResultType, 2*MaxID)
			checkText(t, d.ReceivingMXHelo, MaxHost)
			checkText(t, d.Reason, maxReason)
			if again := NormalizeReason(d.Reason); again != d.Reason && d.Reason == NormalizeReason(d.ReasonCode) {
				t.Fatalf("reason %q becomes %q when normalized again", d.Reason, again)
			}
			if d.SendingMTAIP != "" && Network(d.SendingMTAIP) == "" {
				t.Fatalf("address %q has no network", d.SendingMTAIP)
			}
		}
	}
	for domain, o := range r.Overlaps() {
		if o.Failed > o.Total || o.Total < 0 {
			t.Fatalf("overlap of %s is %+v", domain, o)
		}
	}
}

func checkCount(t *testing.T, n int64) {
	if n < 0 || n > MaxCount {
		t.Fatalf("count %d", n)
	}
}

func checkText(t *testing.T, s string, limit int) {
	if len(s) > limit || !utf8.ValidString(s) {
		t.Fatalf("text of %d bytes, valid %t: %q", len(s), utf8.ValidString(s), s)
	}
	for _, r := range s {
		if isHidden(r) {
			t.Fatalf("hidden character %U in %q", r, s)
		}
	}
}
