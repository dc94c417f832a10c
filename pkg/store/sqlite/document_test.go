package sqlite

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

func TestDocumentsComeBackAsTheyWentIn(t *testing.T) {
	codec, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.Byte()).Draw(t, "raw")
		hints := tlsrpt.Hints{Submitter: rapid.StringMatching(`[a-z.]{0,20}`).Draw(t, "submitter"), FileName: rapid.StringMatching(`\PC{0,9}`).Draw(t, "name")}
		frame, err := codec.pack(raw, hints)
		if err != nil {
			t.Fatal(err)
		}
		gotRaw, gotHints, err := codec.unpack(frame)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(gotRaw, raw) {
			t.Fatalf("raw: got %q, want %q", gotRaw, raw)
		}
		if diff := cmp.Diff(hints, gotHints); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestSampleDocumentsPackSmallerThanGzip(t *testing.T) {
	files, _ := filepath.Glob("../../../../shared/samples/*/*.json")
	if len(files) == 0 {
		t.Skip("the sample reports are not beside the repository")
	}
	codec, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		frame, err := codec.pack(raw, tlsrpt.Hints{FileName: filepath.Base(name), Submitter: "google.com"})
		if err != nil {
			t.Fatal(err)
		}
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, _ = w.Write(raw)
		_ = w.Close()
		t.Logf("%-20s raw %5d, gzip %4d, packed %4d", filepath.Base(name), len(raw), zipped.Len(), len(frame))
		if len(frame) >= zipped.Len() {
			t.Errorf("%s takes %d bytes, gzip %d", name, len(frame), zipped.Len())
		}
	}
}

func BenchmarkPack(b *testing.B) {
	codec, err := newCodec()
	if err != nil {
		b.Fatal(err)
	}
	raw := []byte(strings.ReplaceAll(phrases[len(phrases)-700:], "example", "sample"))
	for b.Loop() {
		if _, err := codec.pack(raw, tlsrpt.Hints{}); err != nil {
			b.Fatal(err)
		}
	}
}
