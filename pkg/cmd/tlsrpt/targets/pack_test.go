package targets

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestThePackedPluginUnpacksIntoAFolderOfItsIDWithExecutableBackends(t *testing.T) {
	t.Chdir(t.TempDir())
	files := map[string]string{
		"plugin.json":                     `{"id":"example-datasource","info":{"version":"1.2.3"}}`,
		"gpx_linux":                       strings.Repeat("\x7fELF", 1000),
		filepath.Join("img", "logo.svg"):  "<svg/>",
		filepath.Join("a", "b", "c.json"): "{}",
	}
	for name, content := range files {
		path, mode := filepath.Join("dist", name), os.FileMode(0o644)
		if name == "gpx_linux" {
			mode = 0o755
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	name, err := Pack("dist")
	if err != nil || name != "example-datasource-1.2.3.zip" {
		t.Fatalf("packed %q, %v", name, err)
	}
	archive, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	packed := map[string]string{}
	for _, file := range archive.File {
		content, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		within, ok := strings.CutPrefix(file.Name, "example-datasource/")
		if !ok {
			t.Errorf("%s lies outside the plugin's folder", file.Name)
		}
		if executable := file.Mode()&0o111 != 0; executable != (within == "gpx_linux") {
			t.Errorf("%s has the mode %v", file.Name, file.Mode())
		}
		packed[filepath.FromSlash(within)] = string(raw)
	}
	if diff := cmp.Diff(files, packed); diff != "" {
		t.Errorf("-built +packed\n%s", diff)
	}
}
