package faults

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/host"
)

var long = flag.Bool("long", false, "break everything more often, over more reports, and print a table")

const (
	root = "../../../.."
	user = "reports@tlsrpt.example"
	// patience is how long anything may take on a busy machine.
	patience = 3 * time.Minute
)

// pluginDir is a folder with a backend of this very tree.
var pluginDir string

func TestMain(m *testing.M) {
	flag.Parse()
	if j := os.Getenv(judgingVariable); j != "" {
		os.Exit(judgeInChild(j))
	}
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	if pluginDir, err = os.MkdirTemp("", "tlsrpt-faults-"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(pluginDir)) }()
	if err := host.Build(root, pluginDir); err != nil {
		return 1, err
	}
	code = m.Run()
	if *long {
		printFigures()
	}
	return code, nil
}

// A figure is a row of the table: what one test broke, and what came of it.
type figure struct {
	fault           string
	faults, reports int
	found           string
	took            time.Duration
}

var figures struct {
	sync.Mutex
	rows []figure
}

// measured adds a row to the table, and to the test's log. The long form takes
// hours, and tells it at once.
func measured(t *testing.T, f figure) {
	t.Helper()
	told := fmt.Sprintf("%s: %d faults over %d reports in %v; %s", f.fault, f.faults, f.reports, f.took.Round(10*time.Millisecond), f.found)
	t.Log(told)
	figures.Lock()
	defer figures.Unlock()
	if *long {
		fmt.Println(time.Now().Format(time.TimeOnly), told)
	}
	figures.rows = append(figures.rows, f)
}

func printFigures() {
	figures.Lock()
	defer figures.Unlock()
	w := table.NewWriter()
	w.SetOutputMirror(os.Stdout)
	w.AppendHeader(table.Row{"Fault", "Times", "Reports", "Found afterwards", "Time"})
	for _, f := range figures.rows {
		w.AppendRow(table.Row{f.fault, f.faults, f.reports, f.found, f.took.Round(10 * time.Millisecond)})
	}
	w.Render()
}

// times is how often something is done in the short and in the long form.
func times(short, inLongForm int) int {
	if *long {
		return inLongForm
	}
	return short
}
