package sqlite

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// maxGroups is how many dimensions there are to group by.
const maxGroups = 12

// groupIDs are the numbers of a group, in the order of the question's dimensions.
type groupIDs [maxGroups]int64

// groupKey is a group in a bucket.
type groupKey struct {
	bucket int64
	ids    groupIDs
}

// grouped is an answer in numbers: sums by group, and by bucket. A group is
// held once, however many buckets it has.
type grouped[S any] struct {
	groups tuples
	rows   blocks[groupedRow[S]]
	places map[groupPlace]int
}

type groupedRow[S any] struct {
	bucket int64
	group  int32
	sum    S
}

type groupPlace struct {
	bucket int64
	group  int32
}

func newGrouped[S any](q *question) *grouped[S] {
	return &grouped[S]{groups: tuples{width: len(q.groupBy)}}
}

// at returns the sums of a group in a bucket. They are valid until the next call.
func (g *grouped[S]) at(key groupKey) *S {
	group, _ := g.groups.place(key.ids[:g.groups.width])
	place := groupPlace{key.bucket, group}
	i, known := g.places[place]
	if !known {
		if g.places == nil {
			g.places = map[groupPlace]int{}
		}
		i = g.rows.add(groupedRow[S]{bucket: key.bucket, group: group})
		g.places[place] = i
	}
	return &g.rows.at(i).sum
}

// plainColumns counts the columns of the group that are not behind the kind.
func (q *question) plainColumns() (n int) {
	for _, d := range q.groupBy {
		if columns[d] != "kind" {
			n++
		}
	}
	return n
}

// key reads the group of a row, which has the columns of the group after the
// bucket, but shape, type and mode from the column end on.
func (q *question) key(r row, end int) groupKey {
	key := groupKey{bucket: r.int(0)}
	at := 1
	for i, d := range q.groupBy {
		switch d {
		case store.PolicyType:
			key.ids[i] = r.int(end + 1)
		case store.PolicyMode:
			key.ids[i] = r.int(end + 2)
		default:
			key.ids[i] = r.int(at)
			at++
		}
	}
	return key
}

// start returns when a day or hour begins.
func (b bucket) start(n int64) time.Time {
	if b == hourly {
		return time.Unix(n*3600, 0).UTC()
	}
	return time.Unix(n*86400, 0).UTC()
}

// named makes the rows of an answer from its sums, the times of the buckets and
// the words of the groups, and orders them by bucket and group.
func named[S, R any](ctx context.Context, c *conn, n *names, q *question, p plan, answer *grouped[S], row func(*S, time.Time, []string) R) ([]R, error) {
	groups, places, err := groupWords(ctx, c, n, q, &answer.groups)
	if err != nil {
		return nil, err
	}
	rows := make([]R, answer.rows.n)
	if !q.perBucket { // Each group has one row, whose place is the group's.
		for i := range rows {
			sums := answer.rows.at(i)
			rows[places[sums.group]] = row(&sums.sum, time.Time{}, groups[sums.group])
		}
		return rows, nil
	}
	type placed struct {
		bucket     int64
		place, row int32
	}
	order := make([]placed, len(rows))
	for i := range order {
		sums := answer.rows.at(i)
		order[i] = placed{sums.bucket, places[sums.group], int32(i)}
	}
	slices.SortFunc(order, func(a, b placed) int { return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.place, b.place)) })
	for i := range order {
		sums := answer.rows.at(int(order[i].row))
		rows[i] = row(&sums.sum, p.bucket.start(sums.bucket), groups[sums.group])
	}
	return rows, nil
}

// groupWords returns the words of groups, and each group's place in their order.
// Words are compared once, and not for every two groups that have them.
func groupWords(ctx context.Context, c *conn, n *names, q *question, all *tuples) (groups [][]string, places []int32, err error) {
	ids := tuples{width: 1} // each number once; trusts are negative, beside those of the dictionary
	said := make([]int32, len(all.flat))
	trust := slices.Index(q.groupBy, store.TrustDimension)
	for i := range said {
		id := all.flat[i : i+1]
		if trust >= 0 && i%all.width == trust {
			id = []int64{-all.flat[i]}
		}
		said[i], _ = ids.place(id)
	}
	words, err := n.list(ctx, c, ids.flat)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range ids.flat {
		if id < 0 {
			words[i] = string(trustOf(-id))
		}
	}
	ranks := ranksOf(words)
	flat := make([]string, len(said))
	for i, at := range said {
		flat[i], said[i] = words[at], ranks[at]
	}
	groups = make([][]string, all.count())
	for i := range groups {
		from, to := i*all.width, (i+1)*all.width
		groups[i] = flat[from:to:to]
	}
	return groups, placesOf(said, all.width, len(groups)), nil
}

// placesOf returns the places of n lists of ranks, of one width, in their order.
func placesOf(ranks []int32, width, n int) []int32 {
	// Two ranks are compared at once; few groups have more that tell them apart.
	type item struct {
		lead uint64
		list int32
	}
	order := make([]item, n)
	for i := range order {
		list := ranks[i*width : (i+1)*width]
		order[i].list = int32(i)
		for at := range min(2, width) {
			order[i].lead |= uint64(list[at]) << (32 - 32*at)
		}
	}
	slices.SortFunc(order, func(a, b item) int {
		if c := cmp.Compare(a.lead, b.lead); c != 0 || width <= 2 {
			return c
		}
		return slices.Compare(ranks[int(a.list)*width:int(a.list+1)*width], ranks[int(b.list)*width:int(b.list+1)*width])
	})
	places := make([]int32, n)
	for place, of := range order {
		places[of.list] = int32(place)
	}
	return places
}

// ranksOf returns the place of each word in their order.
func ranksOf(words []string) []int32 {
	order := make([]int32, len(words))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return strings.Compare(words[a], words[b]) })
	ranks := make([]int32, len(words))
	for rank, i := range order {
		ranks[i] = int32(rank)
	}
	return ranks
}

// ranked returns the places of words in their order, by their ids.
func ranked(words map[int64]string) map[int64]int32 {
	ids := slices.Collect(maps.Keys(words))
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = words[id]
	}
	ranks := make(map[int64]int32, len(list))
	for i, rank := range ranksOf(list) {
		ranks[ids[i]] = rank
	}
	return ranks
}

// ordered returns rows in the order of the ranks of their words, and where these
// are the same as tie says. It moves each row once: they are large.
func ordered[R any](rows []R, ranks [][4]int32, tie func(a, b *R) int) []R {
	order := make([]int32, len(rows))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if c := slices.Compare(ranks[a][:], ranks[b][:]); c != 0 {
			return c
		}
		return tie(&rows[a], &rows[b])
	})
	sorted := make([]R, len(rows))
	for i, at := range order {
		sorted[i] = rows[at]
	}
	return sorted
}
