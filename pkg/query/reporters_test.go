package query

import (
	"cmp"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func TestATableOfReportersBeginsAsIfAllItsRowsHadBeenKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pairs := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) [2]string {
			return [2]string{rapid.StringMatching("[a-d]").Draw(t, "reporter"), rapid.StringMatching("[a-z]").Draw(t, "domain")}
		}), 0, 60, rapid.ID[[2]string]).Draw(t, "pairs")
		table := reporterTable{limit: rapid.IntRange(1, 20).Draw(t, "limit")}
		all := []frames.ReporterRow{}
		for _, pair := range pairs {
			row := frames.ReporterRow{
				ReporterRow: store.ReporterRow{Reporter: pair[0], PolicyDomain: pair[1], Reports: rapid.Int64Range(0, 3).Draw(t, "reports")},
			}
			all = append(all, row)
			table.add(row)
			if len(table.rows) > 2*table.limit {
				t.Fatalf("%d rows are kept for a limit of %d", len(table.rows), table.limit)
			}
		}
		slices.SortFunc(all, func(a, b frames.ReporterRow) int {
			return cmp.Or(cmp.Compare(b.Reports, a.Reports), cmp.Compare(a.Reporter, b.Reporter), cmp.Compare(a.PolicyDomain, b.PolicyDomain))
		})
		want := firstOf[frames.ReporterRow]{all[:min(table.limit, len(all))], len(all)}
		if diff := gocmp.Diff(want, table.first(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRowsOfReportersMeetTheirCadences(t *testing.T) {
	row := func(domain, reporter string, reports int64) store.ReporterRow {
		return store.ReporterRow{PolicyDomain: domain, Reporter: reporter, Reports: reports}
	}
	cadence := func(domain, reporter string, state analytics.ReporterState) analytics.Cadence {
		return analytics.Cadence{Domain: domain, Reporter: reporter, Kind: analytics.Daily, State: state}
	}
	r := &request{}
	all := reporterTable{limit: 100}
	r.addCadences(&all, []store.ReporterRow{row("a", "R", 6), row("b", "P", 5), row("b", "Q", 4), row("b", "R", 3), row("d", "R", 2)},
		slices.Values([][]analytics.Cadence{
			{cadence("a", "Q", analytics.ReporterSilent), cadence("a", "R", analytics.ReporterReporting)},
			{cadence("b", "Q", analytics.ReporterQuiet)},
			{cadence("c", "R", analytics.ReporterQuiet), cadence("c", "S", analytics.ReporterSilent)},
		}))
	var got []string
	for _, row := range all.first().Rows {
		got = append(got, row.PolicyDomain+" "+row.Reporter+" "+string(row.Cadence.Kind)+" "+string(row.Cadence.State))
	}
	want := []string{
		"a R daily reporting", "b P unknown reporting", "b Q daily quiet", "b R unknown reporting", "d R unknown reporting",
		"a Q daily silent", "c S daily silent",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
