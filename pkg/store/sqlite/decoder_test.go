package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestRowsAreDecodedInOrder(t *testing.T) {
	for _, test := range []struct {
		name    string
		rows    int
		batches int // at least
	}{
		{"none", 0, 0}, {"one", 1, 1}, {"one batch", 60, 1}, {"many batches", 1000, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ids []int64
			d := newDecoder(func(id int64, cells []byte) error {
				if len(cells) != 1000 || cells[0] != byte(id) || cells[999] != byte(id) {
					t.Errorf("row %d has %d bytes of %d", id, len(cells), cells[0])
				}
				ids = append(ids, id)
				return nil
			})
			buffer := make([]byte, 1000) // the reader's, written anew for each row
			for id := range test.rows {
				copy(buffer, bytes.Repeat([]byte{byte(id)}, 1000))
				if err := d.add(int64(id), buffer); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.close(); err != nil || len(ids) != test.rows || !slices.IsSorted(ids) {
				t.Errorf("%d rows were decoded, in order: %v, %v", len(ids), slices.IsSorted(ids), err)
			}
			if several := d.full != nil; several != (test.batches > 1) {
				t.Errorf("beside the reader: %v", several)
			}
		})
	}
}

func TestADecoderStopsAtTheFirstError(t *testing.T) {
	broken := errors.New("cut off")
	for _, rows := range []int{10, 1000} {
		decoded := 0
		var stopped error
		d := newDecoder(func(id int64, _ []byte) error {
			decoded++
			if id == 5 {
				return broken
			}
			return nil
		})
		for id := range rows {
			if stopped = d.add(int64(id), make([]byte, 1000)); stopped != nil {
				break
			}
		}
		if err := d.close(); !errors.Is(err, broken) || decoded != 6 {
			t.Errorf("of %d rows %d were decoded, then %v", rows, decoded, err)
		}
		if (stopped != nil) != (rows > 100) {
			t.Errorf("the reader of %d rows is told %v", rows, stopped)
		}
	}
}

func TestAPanicOfADecoderIsTheReaders(t *testing.T) {
	for _, rows := range []int{10, 1000} {
		func() {
			defer func() {
				if what := fmt.Sprint(recover()); !strings.HasPrefix(what, "no such kind\n") || !strings.Contains(what, "decoder_test.go") {
					t.Errorf("of %d rows: %v", rows, what)
				}
			}()
			d := newDecoder(func(int64, []byte) error { panic("no such kind") })
			for id := range rows {
				_ = d.add(int64(id), make([]byte, 1000))
			}
			_ = d.close()
			t.Errorf("%d rows were decoded", rows)
		}()
	}
}

func TestAReaderThatPanicsLeavesNoDecoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which waits for all goroutines
		defer func() {
			if recover() == nil {
				t.Error("nothing panicked")
			}
		}()
		d := newDecoder(func(int64, []byte) error { return nil })
		defer d.end()
		for id := range 1000 {
			if err := d.add(int64(id), make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		panic("the file is gone")
	})
}
