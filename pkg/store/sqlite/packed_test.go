package sqlite

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func TestAPackedRowIsReadAsItWasWrittenWithAnyTests(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]*rollup{domainTotalDay, domainDay, domainReporterDay, storedHour, totalHour, failureResultDay, failureDomainDay}).Draw(t, "rollup")
		id := r.rowID(20_000, 5<<r.shift)
		var cells []int64
		for range rapid.IntRange(1, 30).Draw(t, "cells") {
			cell := []int64{5<<r.shift + rapid.Int64Range(0, 1<<r.shift-1).Draw(t, "domain")}
			for range r.width() - 1 {
				cell = append(cell, rapid.OneOf(rapid.Int64Range(0, 3), rapid.Int64Range(0, 20_000), rapid.Int64Min(0), rapid.Int64Range(-3, 0)).Draw(t, "number"))
			}
			cells = append(cells, cell...)
		}
		cells = r.sorted(cells)
		var tests []test
		for at := range r.dimensions {
			if rapid.Bool().Draw(t, "tested") {
				set := idSet{except: rapid.Bool().Draw(t, "except"), ids: rapid.SliceOfN(rapid.Int64Range(0, 3), 0, 3).Draw(t, "ids")}
				if at == 0 {
					set.ids = append(set.ids, cells[0])
				}
				tests = append(tests, newTest(at, set))
			}
		}
		var want, got []int64
		for cell := range slices.Chunk(cells, r.width()) {
			if !slices.ContainsFunc(tests, func(test test) bool { return !test.keeps(cell[test.at]) }) {
				want = append(want, cell...)
			}
		}
		packed := r.pack(id, cells)
		must(t, r.unpack(id, packed, tests, func(numbers []int64) { got = append(got, numbers...) }))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		cut := packed[:len(packed)-1]
		if err := r.unpack(id, cut, tests, func([]int64) {}); !errors.Is(err, store.ErrCorrupt) {
			t.Fatalf("cut off, it is read with %v", err)
		}
	})
}
