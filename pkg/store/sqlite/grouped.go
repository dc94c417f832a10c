package sqlite

import (
	"cmp"
	"context"
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
	ids    []groupIDs
	rows   blocks[groupedRow[S]]
	groups map[groupIDs]int32
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

func newGrouped[S any]() *grouped[S] {
	return &grouped[S]{groups: map[groupIDs]int32{}, places: map[groupPlace]int{}}
}

// at returns the sums of a group in a bucket. They are valid until the next call.
func (g *grouped[S]) at(key groupKey) *S {
	group := g.group(key.ids)
	place := groupPlace{key.bucket, group}
	i, known := g.places[place]
	if !known {
		i = g.rows.add(groupedRow[S]{bucket: key.bucket, group: group})
		g.places[place] = i
	}
	return &g.rows.at(i).sum
}

// group returns the place of a group, and makes it if it is new.
func (g *grouped[S]) group(ids groupIDs) int32 {
	group, known := g.groups[ids]
	if !known {
		group = int32(len(g.ids))
		g.groups[ids] = group
		g.ids = append(g.ids, ids)
	}
	return group
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
	groups, places, err := groupWords(ctx, c, n, q, answer.ids)
	if err != nil {
		return nil, err
	}
	type placed struct {
		bucket     int64
		place, row int32
	}
	order := make([]placed, answer.rows.n)
	for i := range order {
		sums := answer.rows.at(i)
		order[i] = placed{sums.bucket, places[sums.group], int32(i)}
	}
	slices.SortFunc(order, func(a, b placed) int { return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.place, b.place)) })
	rows := make([]R, len(order))
	for i := range order {
		sums := answer.rows.at(int(order[i].row))
		var at time.Time
		if q.perBucket {
			at = p.bucket.start(sums.bucket)
		}
		rows[i] = row(&sums.sum, at, groups[sums.group])
	}
	return rows, nil
}

// groupWords returns the words of groups, and each group's place in their order.
// Words are compared once, and not for every two groups that have them.
func groupWords(ctx context.Context, c *conn, n *names, q *question, ids []groupIDs) (groups [][]string, places []int32, err error) {
	wanted := make(map[int64]bool, len(ids))
	for i := range ids {
		for at, d := range q.groupBy {
			if d != store.TrustDimension {
				wanted[ids[i][at]] = true
			}
		}
	}
	words, err := n.of(ctx, c, wanted)
	if err != nil {
		return nil, nil, err
	}
	for n, trust := range trusts {
		words[-int64(n)] = string(trust) // beside the numbers of the dictionary
	}
	ranks := ranked(words)
	width := len(q.groupBy)
	flat, compared := make([]string, len(ids)*width), make([]int32, len(ids)*width)
	groups, order := make([][]string, len(ids)), make([]int32, len(ids))
	for i := range ids {
		from, to := i*width, (i+1)*width
		for at, d := range q.groupBy {
			id := ids[i][at]
			if d == store.TrustDimension {
				id = -id
			}
			flat[from+at], compared[from+at] = words[id], ranks[id]
		}
		groups[i], order[i] = flat[from:to:to], int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return slices.Compare(compared[int(a)*width:int(a+1)*width], compared[int(b)*width:int(b+1)*width])
	})
	places = make([]int32, len(ids))
	for place, i := range order {
		places[i] = int32(place)
	}
	return groups, places, nil
}

// ranked returns the places of words in their order, by their ids.
func ranked(words map[int64]string) map[int64]int32 {
	type word struct {
		value string
		id    int64
	}
	list := make([]word, 0, len(words))
	for id, value := range words {
		list = append(list, word{value, id})
	}
	slices.SortFunc(list, func(a, b word) int { return strings.Compare(a.value, b.value) })
	ranks := make(map[int64]int32, len(list))
	for i, w := range list {
		ranks[w.id] = int32(i + 1)
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
