package programs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

const (
	grafanaVariable = "GRAFANA_HOME"
	grafanaPackage  = "/usr/share/grafana"
)

// GrafanaHome returns the folder of a Grafana, with bin, conf and public in it:
// what GRAFANA_HOME names, unseen ("none" is none), the folder of the official
// package, or the one that the command on the path belongs to. The error wraps
// [ErrNotInstalled].
func GrafanaHome() (string, error) { return findGrafana(grafanaPackage) }

func findGrafana(packaged string) (home string, err error) {
	switch home = os.Getenv(grafanaVariable); home {
	case "":
	case "none":
		return "", fmt.Errorf("grafana counts as %w: %s is none", ErrNotInstalled, grafanaVariable)
	default:
		return home, nil
	}
	if isGrafana(packaged) {
		return packaged, nil
	}
	if command, err := exec.LookPath("grafana"); err == nil {
		if command, err = filepath.EvalSymlinks(command); err == nil {
			if home = filepath.Dir(filepath.Dir(command)); isGrafana(home) {
				return home, nil
			}
		}
	}
	return "", fmt.Errorf("grafana is %w: %s may name its folder, the one with bin, conf and public; without it Grafana has to lie in %s, where its own Debian package puts it, or its command on the path", ErrNotInstalled, grafanaVariable, packaged)
}

// isGrafana tells the folder from another with the command in its bin, such as /usr.
func isGrafana(home string) bool {
	for _, file := range []string{"bin/grafana", "conf/defaults.ini"} {
		if _, err := os.Stat(filepath.Join(home, file)); err != nil {
			return false
		}
	}
	return true
}
