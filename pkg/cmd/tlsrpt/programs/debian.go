package programs

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// InstallMissing installs the packages of those programs that are missing,
// where this is root's Debian or Ubuntu, and tells out what it does. What can't
// be installed stays missing: who needs it says so.
func InstallMissing(out io.Writer, wanted ...Program) {
	packages := missing(wanted)
	if len(packages) == 0 || os.Geteuid() != 0 {
		return
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return
	}
	fmt.Fprintf(out, "installing %s\n", strings.Join(packages, ", "))
	if err := aptGet("update"); err != nil {
		fmt.Fprintln(out, "the package lists can't be brought up to date:", err)
	}
	if err := aptGet(append([]string{"install", "-y", "--no-install-recommends"}, packages...)...); err != nil {
		fmt.Fprintln(out, "they can't be installed, so what needs them is skipped:", err)
	}
}

// missing returns the packages to install, sorted.
func missing(wanted []Program) (packages []string) {
	for _, p := range wanted {
		if _, err := p.Find(); err != nil {
			packages = append(packages, p.Package())
		}
	}
	slices.Sort(packages)
	return packages
}

func aptGet(args ...string) error {
	command := exec.Command("apt-get", args...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	command.Stderr = os.Stderr
	return command.Run()
}
