package analytics

// CoverageGroups adds up the days of [Survey.Completeness] by domain, or all of them
// where reporters count over all domains.
func CoverageGroups(rows []Coverage) []Group {
	var groups []Group
	for _, row := range rows {
		if n := len(groups); n == 0 || Key(groups[n-1].Values) != row.Domain {
			groups = append(groups, Group{Values: row.group()})
		}
		groups[len(groups)-1].cover(row)
	}
	return groups
}

// CoverageSeries puts the days together to one series per group, in the order
// of groups. Days of other groups are left out.
func CoverageSeries(groups []Group, rows []Coverage, interval Interval) []Series {
	b := newSeriesBuilder(groups, interval)
	for _, row := range rows {
		if p := b.point(row.group(), row.Day.Time()); p != nil {
			p.cover(row)
		}
	}
	return b.series()
}

func (c Coverage) group() []string {
	if c.Domain == "" {
		return nil
	}
	return []string{c.Domain}
}

func (s *Sums) cover(c Coverage) {
	s.Coverage += c.Value()
	s.CoveredDays++
}
