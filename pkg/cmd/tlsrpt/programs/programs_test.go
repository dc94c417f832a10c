package programs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// executable makes a script, with its folders.
func executable(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
}

// grafanaIn makes a folder that looks like Grafana's own.
func grafanaIn(t *testing.T, home string) string {
	t.Helper()
	executable(t, filepath.Join(home, "bin", "grafana"), "#!/bin/sh\n")
	executable(t, filepath.Join(home, "conf", "defaults.ini"), "")
	return home
}

func TestAProgramIsFoundOnThePathAndAMissingOneIsNamedWithItsPackage(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", strings.Join([]string{filepath.Join(dir, "usr", "bin"), filepath.Join(dir, "opt")}, string(filepath.ListSeparator)))
	for _, place := range []string{"opt/tlsrpt-here", "usr/sbin/tlsrpt-server", "sbin/tlsrpt-away"} {
		place = filepath.Join(dir, filepath.FromSlash(place))
		executable(t, place, "#!/bin/sh\n")
		if filepath.Base(place) == "tlsrpt-away" {
			continue // beside no bin of the path
		}
		if path, err := Program(filepath.Base(place)).Find(); err != nil || path != place {
			t.Errorf("%s is found at %q, %v", place, path, err)
		}
	}
	_, err := Program("tlsrpt-away").Find()
	if !errors.Is(err, ErrNotInstalled) {
		t.Fatalf("a missing program is told as %v", err)
	}
	for _, want := range []string{"tlsrpt-away is not installed", "`apt-get install tlsrpt-away`", "`go tool mage test`"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if got := Dovecot.Package(); got != "dovecot-imapd" {
		t.Errorf("Dovecot's package is %s", got)
	}
}

func TestGrafanaIsFound(t *testing.T) {
	packaged, unpacked := grafanaIn(t, t.TempDir()), grafanaIn(t, t.TempDir())
	elsewhere := t.TempDir() // such as /usr: a bin with the command, and no Grafana around it
	executable(t, filepath.Join(elsewhere, "bin", "grafana"), "#!/bin/sh\n")
	linked := t.TempDir()
	if err := os.Symlink(filepath.Join(unpacked, "bin", "grafana"), filepath.Join(linked, "grafana")); err != nil {
		t.Fatal(err)
	}
	nowhere := t.TempDir()
	for _, test := range []struct {
		name, variable, packaged, path string
		want                           string // empty is none
		says                           string
	}{
		{"in what the variable names, whatever is there", "/opt/g", packaged, nowhere, "/opt/g", ""},
		{"in the package's folder", "", packaged, filepath.Join(unpacked, "bin"), packaged, ""},
		{"around the command on the path", "", nowhere, filepath.Join(unpacked, "bin"), unpacked, ""},
		{"around the command that a link on the path names", "", nowhere, linked, unpacked, ""},
		{"nowhere where the variable says none", "none", packaged, filepath.Join(unpacked, "bin"), "", "GRAFANA_HOME is none"},
		{"nowhere where the command alone is on the path", "", nowhere, filepath.Join(elsewhere, "bin"), "", nowhere},
		{"nowhere where nothing is", "", nowhere, nowhere, "", "GRAFANA_HOME may name its folder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("GRAFANA_HOME", test.variable)
			t.Setenv("PATH", test.path)
			got, err := findGrafana(test.packaged)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Fatalf("got %q, %v, want %q", got, err, test.want)
			}
			if err != nil && (!errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("it says %q, and not %q", err, test.says)
			}
		})
	}
}

func TestRootInstallsTheMissingPackagesAndNobodyElseDoes(t *testing.T) {
	dir := t.TempDir()
	asked := filepath.Join(dir, "asked")
	executable(t, filepath.Join(dir, "apt-get"), "#!/bin/sh\necho \"$DEBIAN_FRONTEND $*\" >> "+asked+"\ntest $1 = update\n")
	executable(t, filepath.Join(dir, "tlsrpt-here"), "#!/bin/sh\n")
	t.Setenv("PATH", dir)
	var told strings.Builder
	InstallMissing(&told, "tlsrpt-here")
	if told.Len() > 0 {
		t.Errorf("nothing is missing, and it says %q", told.String())
	}
	InstallMissing(&told, "tlsrpt-b", "tlsrpt-here", "tlsrpt-a")
	got, err := os.ReadFile(asked)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	want := ""
	if os.Geteuid() == 0 {
		want = "noninteractive update\nnoninteractive install -y --no-install-recommends tlsrpt-a tlsrpt-b\n"
		if !strings.Contains(told.String(), "installing tlsrpt-a, tlsrpt-b\nthey can't be installed") {
			t.Errorf("it says %q", told.String())
		}
	}
	if string(got) != want {
		t.Errorf("apt-get was asked for\n%s\nand not for\n%s", got, want)
	}
}
