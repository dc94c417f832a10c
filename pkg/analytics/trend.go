package analytics

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// A Group is one combination of dimension values with its sums.
type Group struct {
	Values []string
	Sums
}

// A Point is the sums of one bucket.
type Point struct {
	Time time.Time
	Sums
}

// A Series is one group over time, oldest point first. A bucket without a
// report has no point.
type Series struct {
	Values []string
	Points []Point
}

// Key joins the values of a group to one string that no other group has.
func Key(values []string) string { return strings.Join(values, "\x00") }

// GroupRows adds up the store's rows, of which each is of another group, by their
// first n group values, in the order of first appearance. Values beyond n, such
// as the reporter that tells how many fail, are folded.
func GroupRows(rows []store.SessionRow, n int, c Counting) []Group {
	if len(rows) > 0 && len(rows[0].Group) == n {
		groups := make([]Group, len(rows))
		for i, r := range rows {
			groups[i].Values = r.Group
			groups[i].add(r, c)
		}
		return groups
	}
	index := map[string]int{}
	var groups []Group
	for _, r := range rows {
		k := Key(r.Group[:n])
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, Group{Values: r.Group[:n]})
		}
		groups[i].add(r, c)
	}
	return groups
}

func (g *Group) add(r store.SessionRow, c Counting) {
	g.Add(r)
	if failing(r, c) {
		g.ReportersFailing++
	}
}

// GroupFailures makes groups of sums, of which each is of another group.
func GroupFailures(rows []store.FailureSum) []Group {
	groups := make([]Group, len(rows))
	for i, r := range rows {
		groups[i].Values = r.Group
		groups[i].AddFailure(r)
	}
	return groups
}

// Largest orders groups by value, largest first, equal ones by name, and keeps
// at most limit of them. A limit of 0 keeps all.
func Largest(groups []Group, limit int, value func(Sums) float64) []Group {
	type place struct {
		value float64
		at    int
	}
	compare := func(a, b place) int {
		if c := cmp.Compare(b.value, a.value); c != 0 {
			return c
		}
		return cmp.Or(slices.Compare(groups[a.at].Values, groups[b.at].Values), cmp.Compare(a.at, b.at))
	}
	if limit <= 0 {
		limit = len(groups)
	}
	// Of thousands of groups some are shown: all but these need no order.
	places := make([]place, 0, min(2*limit, len(groups)))
	var worst *place
	for i := range groups {
		p := place{value(groups[i].Sums), i}
		if worst != nil && compare(p, *worst) > 0 {
			continue
		}
		if places = append(places, p); len(places) == 2*limit {
			slices.SortFunc(places, compare)
			places, worst = places[:limit], &places[limit-1]
		}
	}
	slices.SortFunc(places, compare)
	places = places[:min(limit, len(places))]
	largest := make([]Group, len(places))
	for i, p := range places {
		largest[i] = groups[p.at]
	}
	return largest
}

func failing(r store.SessionRow, c Counting) bool {
	var s Sums
	s.Add(r)
	return s.FailedSessions(c) > 0
}

// BuildSeries puts bucketed rows together to one series per group, in the
// order of groups. Rows of other groups are left out.
func BuildSeries(groups []Group, rows []store.SessionRow, interval Interval, c Counting) []Series {
	if len(groups) == 0 {
		return nil
	}
	b := newSeriesBuilder(groups, interval)
	n := len(groups[0].Values)
	reporters := map[string]bool{}
	for _, r := range rows {
		p := b.point(r.Group[:n], r.Bucket)
		if p == nil {
			continue
		}
		p.Add(r)
		if failing(r, c) {
			// A reporter that fails on two days of one bucket counts once.
			seen := Key(r.Group) + "\x00" + p.Time.String()
			if !reporters[seen] {
				reporters[seen] = true
				p.ReportersFailing++
			}
		}
	}
	return b.series()
}

// BuildFailureSeries is [BuildSeries] for groups by failure details: a group
// is zero in a bucket where the reports that it could have come from, told
// apart by the group values at the positions in shared, said nothing of it.
func BuildFailureSeries(groups []Group, sums []store.FailureSum, reports []store.SessionRow, shared []int, interval Interval) []Series {
	b := newSeriesBuilder(groups, interval)
	for _, f := range sums {
		if p := b.point(f.Group, f.Bucket); p != nil {
			p.AddFailure(f)
		}
	}
	members := map[string][]Group{}
	for _, g := range groups {
		k := Key(Pick(g.Values, shared))
		members[k] = append(members[k], g)
	}
	for _, r := range reports {
		for _, g := range members[Key(r.Group)] {
			b.point(g.Values, r.Bucket)
		}
	}
	return b.series()
}

// Pick returns the values at the positions.
func Pick(values []string, positions []int) []string {
	picked := make([]string, len(positions))
	for i, p := range positions {
		picked[i] = values[p]
	}
	return picked
}

type seriesBuilder struct {
	interval Interval
	order    []string
	values   map[string][]string
	points   map[string]map[time.Time]*Point
}

func newSeriesBuilder(groups []Group, interval Interval) *seriesBuilder {
	b := &seriesBuilder{interval: interval, values: map[string][]string{}, points: map[string]map[time.Time]*Point{}}
	for _, g := range groups {
		k := Key(g.Values)
		b.order = append(b.order, k)
		b.values[k] = g.Values
		b.points[k] = map[time.Time]*Point{}
	}
	return b
}

// point returns the point of a group at a time, made when it is not there, or
// nil where the group is not wanted.
func (b *seriesBuilder) point(group []string, at time.Time) *Point {
	points, ok := b.points[Key(group)]
	if !ok {
		return nil
	}
	start := b.interval.Start(at)
	p := points[start]
	if p == nil {
		p = &Point{Time: start}
		points[start] = p
	}
	return p
}

func (b *seriesBuilder) series() []Series {
	var all []Series
	for _, k := range b.order {
		s := Series{Values: b.values[k]}
		for _, p := range b.points[k] {
			s.Points = append(s.Points, *p)
		}
		slices.SortFunc(s.Points, func(a, b Point) int { return a.Time.Compare(b.Time) })
		if len(s.Points) > 0 {
			all = append(all, s)
		}
	}
	return all
}
