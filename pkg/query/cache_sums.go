package query

import (
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// cachedReader keeps sums: those of millions of rows are few rows mostly, and
// what differs between two who ask for the last 30 days are minutes, which sums
// of days don't tell apart.
type cachedReader struct {
	store.Reader
	cache *Cache
}

type summed[R any] struct {
	Rows []R
	Cost store.Cost
}

// Sessions is that of the reader. Rows are the caller's, their groups are not.
func (c cachedReader) Sessions(ctx context.Context, q store.SumQuery) ([]store.SessionRow, store.Cost, error) {
	return cachedSums(ctx, c.cache, "sessions", q, c.Reader.Sessions)
}

// FailureSums is that of the reader. Rows are the caller's, their groups are not.
func (c cachedReader) FailureSums(ctx context.Context, q store.SumQuery) ([]store.FailureSum, store.Cost, error) {
	return cachedSums(ctx, c.cache, "failures", q, c.Reader.FailureSums)
}

func cachedSums[R any](ctx context.Context, c *Cache, what string, q store.SumQuery,
	read func(context.Context, store.SumQuery) ([]R, store.Cost, error),
) ([]R, store.Cost, error) {
	q.Selection = inWholeBuckets(q.Selection)
	key, err := keyOf(what, q)
	if err != nil {
		return nil, store.Cost{}, err
	}
	value, _, err := c.get(ctx, key, func(ctx context.Context, _ bool) (any, error) {
		rows, cost, err := read(ctx, q)
		return summed[R]{rows, cost}, err
	})
	if err != nil {
		return nil, store.Cost{}, err
	}
	found := value.(summed[R])
	return slices.Clone(found.Rows), found.Cost, nil
}

// inWholeBuckets widens a selection to the days or hours that it overlaps,
// which belong to it as a whole.
func inWholeBuckets(s store.Selection) store.Selection {
	unit := 24 * time.Hour
	if s.TimeField == store.StoredTime {
		unit = time.Hour
	}
	s.From = s.From.UTC().Truncate(unit)
	if to := s.To.UTC().Truncate(unit); to.Equal(s.To) {
		s.To = to
	} else {
		s.To = to.Add(unit)
	}
	return s
}

// sampled is how many items of a slice are looked at, at least; the others of
// one that is longer are taken to be like these.
const sampled = 256

// bytesOf estimates the memory of a value with all that it refers to. It stops
// counting soon after most.
func bytesOf(value any, most int64) int64 {
	of := reflect.ValueOf(value)
	return int64(of.Type().Size()) + behind(of, most)
}

// behind is what a value refers to, without the value itself.
func behind(v reflect.Value, most int64) (bytes int64) {
	switch v.Kind() {
	case reflect.String:
		return int64(v.Len())
	case reflect.Slice:
		bytes = int64(v.Cap()) * int64(v.Type().Elem().Size())
		step := max(1, v.Len()/sampled)
		for i := 0; i < v.Len() && bytes <= most && refers(v.Type().Elem()); i += step {
			bytes += int64(min(step, v.Len()-i)) * behind(v.Index(i), most-bytes)
		}
	case reflect.Map:
		for each := v.MapRange(); bytes <= most && each.Next(); {
			bytes += int64(v.Type().Key().Size()+v.Type().Elem().Size()) + behind(each.Key(), most) + behind(each.Value(), most)
		}
		return bytes * 2 // of room that maps leave
	case reflect.Struct:
		for i := range v.NumField() {
			bytes += behind(v.Field(i), most-bytes)
		}
	}
	return bytes
}

// refers says whether a type can hold more than its own size.
func refers(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Slice, reflect.Map, reflect.Struct:
		return true
	}
	return false
}
