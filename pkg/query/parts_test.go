package query

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestAPanicOnOneOfSeveralProcessorsIsThatOfTheOneWhoAsked(t *testing.T) {
	defer func() {
		if got := recover(); got != "a defect" {
			t.Errorf("recovered %v", got)
		}
	}()
	err := inParts(t.Context(), &request{}, []int{1, 2, 3}, func(_ context.Context, _ *request, part int) (int, error) {
		if part == 2 {
			panic("a defect")
		}
		return part, nil
	}, func(int) {})
	t.Errorf("went on, with %v", err)
}

func TestPartsAreTakenInOrderAndTheFirstErrorEndsThem(t *testing.T) {
	var taken []int
	r := &request{rows: 5}
	work := func(_ context.Context, r *request, part int) (int, error) {
		if part == 9 {
			return 0, errors.New("disk I/O error")
		}
		r.rows += part
		return part, nil
	}
	take := func(part int) { taken = append(taken, part) }
	if err := inParts(t.Context(), r, []int{1, 2, 3, 4, 5}, work, take); err != nil || !slices.Equal(taken, []int{1, 2, 3, 4, 5}) || r.rows != 20 {
		t.Errorf("took %v, read %d rows, %v", taken, r.rows, err)
	}
	if err := inParts(t.Context(), r, []int{9, 1}, work, take); err == nil {
		t.Error("the error is lost")
	}
}
