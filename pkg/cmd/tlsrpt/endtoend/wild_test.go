package endtoend

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/query"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store/sqlite"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// A wildRow is one thing that an importer meets, and what becomes of it.
type wildRow struct {
	number int
	// sentence says what comes, and what is made of it.
	sentence string
	check    func(w *wild)
}

// wildRows is how many rows the table of reports as they really come has.
const wildRows = 40

// TestReportsAsTheyReallyCome puts fixtures of every row through the pipeline
// into a store, and asks the queries what became of them.
func TestReportsAsTheyReallyCome(t *testing.T) {
	rows := slices.Concat(wildCounting, wildFields, wildWrapping)
	slices.SortFunc(rows, func(a, b wildRow) int { return a.number - b.number })
	used := map[string]bool{}
	passed := 0
	for _, row := range rows {
		t.Run(fmt.Sprintf("row %d: %s", row.number, row.sentence), func(t *testing.T) {
			w := newWild(t, row.number, used)
			row.check(w)
			if !t.Failed() {
				passed++
			}
		})
	}
	fmt.Printf("%d of %d rows\n", passed, wildRows)
	if filter := flag.Lookup("test.run"); filter != nil && strings.Contains(filter.Value.String(), "/") {
		return // some rows were asked for by name
	}
	if passed != wildRows {
		t.Errorf("%d of %d rows were run and passed", passed, wildRows)
	}
	for i, row := range rows {
		if row.number != i+1 {
			t.Fatalf("row %d stands where row %d should", row.number, i+1)
		}
	}
	for _, name := range fixtureNames(t) {
		if !used[name] {
			t.Errorf("no row uses the fixture %s", name)
		}
	}
}

const wildFolder = "testdata/wild"

func fixtureNames(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(wildFolder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A wild is a pipeline with an empty store of its own behind it.
type wild struct {
	*testing.T
	row      int
	used     map[string]bool
	store    *sqlite.Store
	pipeline ingest.Pipeline
	// now is what the store's clock shows, and when items are received.
	now time.Time
	// decoded are the reports that were read, by fixture.
	decoded map[string]*tlsrpt.Report
}

func newWild(t *testing.T, row int, used map[string]bool) *wild {
	t.Helper()
	w := &wild{T: t, row: row, used: used, now: moment("2026-03-30T06:00:00Z"), decoded: map[string]*tlsrpt.Report{}}
	var err error
	path := filepath.Join(t.TempDir(), "tlsrpt.db")
	if w.store, err = sqlite.Open(t.Context(), path, sqlite.WithClock(func() time.Time { return w.now })); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.judge(mailreport.ModeDKIM, "", senderZone{})
	return w
}

func moment(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// judge chooses how senders are judged from now on.
func (w *wild) judge(mode mailreport.Mode, authservID string, resolver mailreport.Resolver) {
	w.pipeline.Judge = mailreport.NewAuthenticator(mode, authservID, resolver)
}

// senderZone is DNS as far as the fixtures need it: the key of sender.example.
type senderZone struct{}

func (senderZone) LookupTXT(_ context.Context, name string) ([]string, error) {
	if name == "sel._domainkey.sender.example" {
		return []string{"v=DKIM1; k=ed25519; p=rKw1eOh9Y/Fxr5ieKAUFTNp71aowQ/Tiesxqe89KWLI="}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// take takes fixtures from a mailbox, where they are mails, or else a drop.
func (w *wild) take(names ...string) {
	w.Helper()
	for _, name := range names {
		w.takeFrom("", name)
	}
}

// takeFrom takes a fixture from the given source.
func (w *wild) takeFrom(sourceID, name string) {
	w.Helper()
	if !strings.HasPrefix(name, fmt.Sprintf("%02d-", w.row)) {
		w.Fatalf("the fixture %s is not of row %d", name, w.row)
	}
	w.used[name] = true
	body, err := os.ReadFile(filepath.Join(wildFolder, name))
	if err != nil {
		w.Fatal(err)
	}
	f := ingest.File{Source: sourceID, Ref: name, Received: w.now.Add(-time.Minute), Body: body}
	switch {
	case filepath.Ext(name) == ".eml":
		f.Mail, f.Route = true, store.Direct
		f.Source = orElse(f.Source, "mb1")
	default:
		f.Name, f.Route = name, store.Drop
		f.Source = orElse(f.Source, "drop1")
	}
	delivery := w.pipeline.Process(w.Context(), f)
	for i := range delivery.Documents {
		if r := delivery.Documents[i].Report; r != nil {
			w.decoded[name] = r
		}
	}
	if _, err := w.store.Commit(w.Context(), []store.Delivery{delivery}); err != nil {
		w.Fatal(err)
	}
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// ask answers a query over all years that fixtures and samples are of: a line per row, with
// the named fields parted by spaces. Of warnings it tells the codes.
func (w *wild) ask(model string, fields ...string) []string {
	w.Helper()
	m, answer := w.answer(model)
	var lines []string
	for _, f := range answer {
		if m.QueryType == "trend" {
			fields = []string{"time", "value"}
		}
		for i := range f.Rows() {
			cells := make([]string, len(fields))
			for j, name := range fields {
				field, _ := f.FieldByName(name)
				if field == nil {
					w.Fatalf("%s has no field %s", m.QueryType, name)
				}
				cells[j] = cellOf(field, i)
			}
			line := strings.Join(cells, " ")
			if m.QueryType == "trend" {
				line = strings.TrimSpace(strings.Join(labelsOf(f.Fields[1], m.GroupBy), " ") + " " + line)
			}
			lines = append(lines, strings.TrimRight(line, " "))
		}
	}
	slices.Sort(lines)
	return lines
}

func (w *wild) answer(model string) (query.Model, data.Frames) {
	w.Helper()
	m, err := query.Parse([]byte(model))
	if err != nil {
		w.Fatal(err)
	}
	span := query.Range{From: moment("2010-01-01T00:00:00Z"), To: moment("2027-01-01T00:00:00Z"), MaxDataPoints: 10000}
	answer, err := query.Answer(w.Context(), query.Environment{Store: w.store}, m, span)
	if err != nil {
		w.Fatal(err)
	}
	return m, answer
}

// shown returns the cells of a field as Grafana shows them.
func (w *wild) shown(model, name string) []string {
	w.Helper()
	_, answer := w.answer(model)
	field, _ := answer[0].FieldByName(name)
	var cells []string
	for i := range field.Len() {
		cell := cellOf(field, i)
		for _, mapping := range field.Config.Mappings {
			if mapper, ok := mapping.(data.ValueMapper); ok && mapper[cell].Text != "" {
				cell = mapper[cell].Text
			}
		}
		cells = append(cells, cell)
	}
	return cells
}

func labelsOf(f *data.Field, groupBy []store.Dimension) []string {
	values := make([]string, len(groupBy))
	for i, d := range groupBy {
		values[i] = f.Labels[string(d)]
	}
	return values
}

// warningCode finds the codes in the field "warnings".
var warningCode = regexp.MustCompile(`(?:^|; )([a-z][a-z0-9-]+): `)

func cellOf(f *data.Field, i int) string {
	v, ok := f.ConcreteAt(i)
	if !ok {
		return "-"
	}
	switch v := v.(type) {
	case time.Time:
		return strings.TrimSuffix(v.UTC().Format("2006-01-02T15:04"), "T00:00")
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		if f.Name != "warnings" {
			return v
		}
		var codes []string
		for _, m := range warningCode.FindAllStringSubmatch(v, -1) {
			codes = append(codes, m[1])
		}
		return strings.Join(codes, ",")
	default:
		return fmt.Sprint(v)
	}
}

// want compares lines, in any order.
func (w *wild) want(got []string, want ...string) {
	w.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("-want +got\n%s", diff)
	}
}

// wantReports compares what the table of reports shows: domain, total and
// failed sessions, and the codes of the warnings.
func (w *wild) wantReports(want ...string) {
	w.Helper()
	w.want(w.ask(`{"queryType":"reports"}`, "policyDomain", "totalSessions", "failedSessions", "warnings"), want...)
}

// wantSums compares total and failed sessions by domain, in both countings.
func (w *wild) wantSums(distinct, reported []string) {
	w.Helper()
	for counting, want := range map[string][]string{"distinct": distinct, "reported": reported} {
		w.want(w.ask(`{"queryType":"summary","metrics":["totalSessions","failedSessions"],"groupBy":["policyDomain"],"counting":"`+counting+`"}`,
			"policyDomain", "totalSessions", "failedSessions"), want...)
	}
}

// wantQuarantine compares references and reasons.
func (w *wild) wantQuarantine(want ...string) {
	w.Helper()
	w.want(w.ask(`{"queryType":"quarantine"}`, "reference", "reason"), want...)
}

// wantAccount compares the account of a source.
func (w *wild) wantAccount(sourceID string, want store.Account) {
	w.Helper()
	accounts, err := w.store.Accounts(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	got := accounts[sourceID]
	got.Pending = 0 // of no matter here
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("the account of %s (-want +got):\n%s", sourceID, diff)
	}
}
