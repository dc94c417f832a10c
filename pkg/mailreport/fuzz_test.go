package mailreport

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// fuzzResolver answers every question alike, by the first byte of its answer.
type fuzzResolver string

func (r fuzzResolver) LookupTXT(context.Context, string) ([]string, error) {
	switch {
	case r == "":
		return nil, nil
	case r[0] == '!':
		return nil, &net.DNSError{Err: string(r), IsNotFound: true}
	case r[0] == '?':
		return nil, errors.New(string(r))
	}
	return strings.Split(string(r), "\n"), nil
}

// FuzzJudge looks for mails and keys that break what every [Verdict] promises.
func FuzzJudge(f *testing.F) {
	for _, c := range signatureCases(f) {
		// The resolver can't tell names apart.
		for _, answer := range c.dns {
			switch answer := answer.(type) {
			case nil:
				f.Add([]byte(c.mail), "!gone")
			case error:
				f.Add([]byte(c.mail), "?"+answer.Error())
			case string:
				f.Add([]byte(c.mail), answer)
			case []string:
				f.Add([]byte(c.mail), strings.Join(answer, "\n"))
			}
		}
	}
	for _, c := range resultsCases() {
		f.Add([]byte(c.headers+"From: <noreply@google.com>\r\n\r\nx\r\n"), "!gone")
	}
	f.Fuzz(func(t *testing.T, mail []byte, answer string) {
		resolver := fuzzResolver(answer)
		header, _ := splitHeader(fromHeader(uncompressedMail(mail)))
		for _, mode := range []Mode{ModeDKIM, ModeHeaders} {
			v := NewAuthenticator(mode, "mx.example.com", resolver).Judge(t.Context(), mail)
			if !slices.Contains([]string{Authenticated, Unverifiable, Unauthenticated, Pending}, v.Trust) || v.Reason == "" {
				t.Fatalf("%s: no verdict: %+v", mode, v)
			}
			if v.Trust == Authenticated && v.SignedBy == "" || v.SignedBy != "" && v.Trust != Authenticated && v.Trust != Unverifiable {
				t.Fatalf("%s: signed by the wrong one: %+v", mode, v)
			}
			if v.SignedBy == "" {
				continue
			}
			from := fromDomains(header)
			if domain, ok := tlsrpt.NormalizeDomain(v.SignedBy); !ok || domain != v.SignedBy || len(from) != 1 || !tlsrpt.Aligned(domain, from[0]) {
				t.Fatalf("%s: %+v does not speak for %q", mode, v, from)
			}
			if mode == ModeDKIM && v.Trust == Authenticated && !isVerified(mail, resolver, v.SignedBy) {
				t.Fatalf("%+v, though package dkim finds no valid signature of it", v)
			}
		}
	})
}

// isVerified asks package dkim for a valid signature of domain. The lines of the
// header end as they end for us, which package dkim reads in another way.
func isVerified(mail []byte, resolver Resolver, domain string) bool {
	m, err := readSigned(fromHeader(uncompressedMail(mail)))
	if err != nil {
		return false
	}
	plain := append([]byte(strings.Join(m.fields, "")+"\r\n"), m.body...)
	found, _ := dkim.VerifyWithOptions(bytes.NewReader(plain), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		records, err := resolver.LookupTXT(context.Background(), name)
		var mended []string
		for _, k := range parseKeys(records) {
			mended = append(mended, k.record())
		}
		return mended, err
	}})
	return slices.ContainsFunc(found, func(v *dkim.Verification) bool {
		signed, _ := tlsrpt.NormalizeDomain(v.Domain)
		return v.Err == nil && signed == domain
	})
}

// FuzzExtract looks for items that break what every [Extraction] promises.
func FuzzExtract(f *testing.F) {
	for _, c := range wrapped {
		f.Add([]byte(c.mail), "", true)
		f.Add([]byte(gzipped(c.mail)), "1.eml.gz", false)
	}
	for _, c := range droppedFiles() {
		f.Add([]byte(c.content), c.file, false)
	}
	for _, item := range hostileItems() {
		const small = 4 << 10
		if body := item.make(small); len(body) <= 4*small {
			f.Add([]byte(body), "x", !item.file)
		}
	}
	samples, _ := filepath.Glob(filepath.Join(sampleFolder, "*", "*.*"))
	for _, sample := range samples {
		if body, err := os.ReadFile(sample); err == nil {
			f.Add(body, filepath.Base(sample), false)
		}
	}
	f.Add([]byte(zipped("a.json", reportJSON)), "x.zip", false)
	f.Add([]byte(gzipped(reportJSON)), reportName, false)
	f.Fuzz(func(t *testing.T, body []byte, name string, mail bool) {
		e := Extract(body, name, mail)
		told := 0
		for _, is := range []bool{len(e.Documents) > 0, e.Ignored != "", e.Problem != nil && len(e.Documents) == 0} {
			if is {
				told++
			}
		}
		if told != 1 {
			t.Fatalf("not one outcome: %+v", e)
		}
		for _, d := range e.Documents {
			if d.Problem == nil && kindOf(d.Raw) != kindJSON && !isWideJSON(d.Raw) {
				t.Fatalf("a document is no JSON: %q", d.Raw)
			}
			if d.Problem != nil && (d.Problem.Reason == "" || d.Problem.Detail == "") {
				t.Fatalf("a problem without reason: %+v", d.Problem)
			}
		}
	})
}
