package drop

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

var noon = time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)

// styles are the listings that a drop may have, with what its server leaves out.
var styles = []struct {
	name    string
	style   Listing
	apache  bool
	without []string
	noHead  bool
}{
	{name: "nginx JSON", style: NginxJSON},
	{name: "nginx HTML", style: HTML},
	{name: "Apache HTML", style: HTML, apache: true},
	{name: "a manifest", style: Manifest},
	{name: "a manifest of a server without HEAD", style: Manifest, noHead: true},
	{name: "a manifest of a server without ETag", style: Manifest, without: []string{"Etag"}},
	{name: "a manifest of a server without ETag and Last-Modified", style: Manifest, without: []string{"Etag", "Last-Modified"}},
}

func eachStyle(t *testing.T, test func(t *testing.T, d *webDrop)) {
	for _, style := range styles {
		t.Run("with "+style.name, func(t *testing.T) {
			d := newWebDrop(t, style.style)
			d.apache, d.without, d.noHead = style.apache, style.without, style.noHead
			test(t, d)
		})
	}
}

func TestPollReadsEachVersionOnce(t *testing.T) {
	eachStyle(t, func(t *testing.T, d *webDrop) {
		d.put("old.json", "old", noon.Add(-time.Hour))
		d.put("google.com!example.com!1!2!x.json.gz", "new", noon)
		d.put("sub/deep/a b%.json", "deep", noon.Add(-2*time.Hour))
		d.put(".hidden", "hidden", noon)
		s, l := d.open(t, nil), newLedger()
		mustPoll(t, s, l)
		want := map[string]string{"old.json": "old", "google.com!example.com!1!2!x.json.gz": "new", "a b%.json": "deep"}
		if diff := cmp.Diff(want, l.bodies); diff != "" {
			t.Fatal(diff)
		}
		if !slices.Contains(d.without, "Last-Modified") {
			if diff := cmp.Diff([]string{"google.com!example.com!1!2!x.json.gz", "old.json", "a b%.json"}, l.names()); diff != "" {
				t.Error("not newest first:", diff)
			}
			if got := l.items[0].Received; !got.Equal(noon) || got.Location() != time.UTC {
				t.Errorf("received %v, want %v", got, noon)
			}
		}
		if l.total != 3 {
			t.Errorf("total is %d, want 3", l.total)
		}

		d.asked(http.MethodGet)
		mustPoll(t, s, l)
		mustPoll(t, d.open(t, nil), l)
		if len(l.items) != 3 {
			t.Errorf("handed over again: %v", l.names())
		}
		if gets := d.asked(http.MethodGet); gets > 0 && !d.noHead && len(d.without) < 2 {
			t.Errorf("%d files were fetched though none changed", gets)
		}

		d.put("old.json", "OLD", noon.Add(time.Second))
		mustPoll(t, s, l)
		if l.bodies["old.json"] != "OLD" || len(l.items) != 4 {
			t.Errorf("new content under an old name was not read: %v", l.bodies)
		}
	})
}

func TestPollLeavesTheUnfinishedForLater(t *testing.T) {
	d := newWebDrop(t, NginxJSON)
	d.put("whole.json", "whole", noon)
	d.put("growing.json", "half", noon)
	d.change("growing.json", func(f *stored) { f.listedSize = 8 })
	s, l := d.open(t, nil), newLedger()
	mustPoll(t, s, l)
	mustPoll(t, s, l)
	if diff := cmp.Diff([]string{"whole.json"}, l.names()); diff != "" {
		t.Fatal(diff)
	}
	if got := settingOf(t, s.Poll(t.Context(), time.Time{}, l)); got != "url" {
		t.Errorf("after three polls the error names %s", got)
	}
	d.change("growing.json", func(f *stored) { f.body = "halfhalf" })
	mustPoll(t, s, l)
	if l.bodies["growing.json"] != "halfhalf" {
		t.Errorf("got %q", l.bodies["growing.json"])
	}
}

func TestPollSkips(t *testing.T) {
	eachStyle(t, func(t *testing.T, d *webDrop) {
		d.put("expired.json", "x", noon.AddDate(0, 0, -10))
		d.put("large.json", strings.Repeat("x", maxFileBytes+1), noon)
		d.put("good.json", "good", noon)
		s, l := d.open(t, nil), newLedger()
		err := s.Poll(t.Context(), noon.AddDate(0, 0, -5), l)
		if slices.Contains(d.without, "Last-Modified") {
			// Nothing but its body names the large one, and the time of the expired one is unknown.
			if got := settingOf(t, err); got != "url" || l.bodies["good.json"] == "" {
				t.Errorf("setting %s, bodies %v", got, l.bodies)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]source.SkipReason{"expired.json": source.SkipExpired, "large.json": source.SkipTooLarge}
		if diff := cmp.Diff(want, l.skipped); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"good.json"}, l.names()); diff != "" {
			t.Error(diff)
		}
		l.skipped = map[string]source.SkipReason{}
		d.asked("")
		mustPoll(t, s, l)
		if len(l.skipped) > 0 {
			t.Errorf("skipped again: %v", l.skipped)
		}
	})
}

func TestPollGoesOnWithoutTheRefused(t *testing.T) {
	tests := []struct {
		name   string
		status int
		polls  int
		wait   time.Duration
		others bool
		want   source.SkipReason
		silent bool
	}{
		{name: "403 once is an error and no more", status: 403, polls: 1, others: true},
		{name: "403 for long, with others given out, is unreadable", status: 403, polls: 3, others: true, want: source.SkipUnreadable},
		{name: "403 for everything is never given up", status: 403, polls: 9, wait: time.Hour},
		{name: "500 for an hour is not given up", status: 500, polls: 9, wait: 5 * time.Minute, others: true},
		{name: "500 for days, with others given out, is unreadable", status: 500, polls: 4, wait: 12 * time.Hour, others: true, want: source.SkipUnreadable},
		{name: "a redirect elsewhere is an error of the one file", status: 302, polls: 1, others: true},
		{name: "a redirect elsewhere for long is unreadable", status: 302, polls: 3, others: true, want: source.SkipUnreadable},
		{name: "404 once is no error", status: 404, polls: 1, others: true, silent: true},
		{name: "404 for long is unreadable", status: 404, polls: 3, others: true, want: source.SkipUnreadable},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newWebDrop(t, NginxJSON)
			d.put("bad.json", "bad", noon)
			d.change("bad.json", func(f *stored) { f.status = test.status })
			if test.others {
				d.put("good.json", "good", noon.Add(-time.Hour))
			}
			now := noon
			s, l := d.open(t, func(c *Config) { c.Now = func() time.Time { return now } }), newLedger()
			var err error
			for range test.polls {
				err = s.Poll(t.Context(), time.Time{}, l)
				now = now.Add(test.wait)
			}
			if l.skipped["bad.json"] != test.want {
				t.Errorf("skipped %q, want %q", l.skipped["bad.json"], test.want)
			}
			if wantErr := test.want == "" && !test.silent; (err != nil) != wantErr {
				t.Errorf("error %v", err)
			}
			if test.others && l.bodies["good.json"] != "good" {
				t.Error("the other file was not read")
			}
		})
	}
}

func TestDeleteAfterTheCommit(t *testing.T) {
	eachStyle(t, func(t *testing.T, d *webDrop) {
		for i := range 120 {
			d.put(fmt.Sprintf("%03d.json", i), fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second))
		}
		l := newLedger()
		mustPoll(t, d.open(t, nil), l)
		d.put("later.json", "later", noon)
		if d.asked(http.MethodDelete) > 0 || len(d.files) != 121 {
			t.Fatal("keep changed the server")
		}
		s := d.open(t, func(c *Config) { c.AfterProcessing = Delete })
		mustPoll(t, s, l)
		if len(d.files) != 120 || l.bodies["later.json"] != "later" {
			t.Errorf("%d files are left, want the 120 that were there before delete was chosen", len(d.files))
		}
	})
}

func TestDeleteResumesAndSparesNewContent(t *testing.T) {
	eachStyle(t, func(t *testing.T, d *webDrop) {
		for _, name := range []string{"same.json", "gone.json", "changed.json"} {
			d.put(name, name, noon)
		}
		l := newLedger()
		crashed := &crash{ledger: l}
		s := d.open(t, func(c *Config) { c.AfterProcessing = Delete })
		if err := s.Poll(t.Context(), time.Time{}, crashed); err == nil {
			t.Fatal("the crash was not told")
		}
		if len(d.files) != 3 {
			t.Fatal("deleted before the commit")
		}
		l.Flush(t.Context())
		d.put("changed.json", "new content", noon.Add(time.Minute))
		delete(d.files, "/tlsrpt/gone.json")
		mustPoll(t, d.open(t, func(c *Config) { c.AfterProcessing = Delete }), l)
		if l.bodies["changed.json"] != "new content" {
			t.Error("the new content was lost")
		}
		for ref, state := range l.states {
			if state != source.Acknowledged {
				t.Errorf("%s is not acknowledged", ref)
			}
		}
		if len(d.files) != 0 {
			t.Errorf("left: %v", d.files)
		}
	})
}

// A crash is a ledger that dies before the commit.
type crash struct{ *ledger }

func (crash) Flush(context.Context) error { return context.DeadlineExceeded }

func TestDeleteThatIsNotAllowedNamesTheSetting(t *testing.T) {
	for _, status := range []int{403, 405, 501} {
		d := newWebDrop(t, NginxJSON)
		d.deleteStatus = status
		d.put("a.json", "a", noon)
		d.put("b.json", "b", noon)
		s, l := d.open(t, func(c *Config) { c.AfterProcessing = Delete }), newLedger()
		if got := settingOf(t, s.Poll(t.Context(), time.Time{}, l)); got != "afterProcessing" {
			t.Errorf("%d names %s", status, got)
		}
		if len(l.items) != 2 {
			t.Errorf("%d kept the files from being read", status)
		}
		if n := d.asked(http.MethodDelete); n != 1 {
			t.Errorf("%d: asked %d times", status, n)
		}
	}
}

func TestPollAsksForUnchangedRowsInTurn(t *testing.T) {
	d := newWebDrop(t, Manifest)
	for i := range askAgain + 50 {
		d.put(fmt.Sprintf("%04d.json", i), fmt.Sprint(i), noon)
	}
	s, l := d.open(t, nil), newLedger()
	mustPoll(t, s, l)
	d.asked("")
	mustPoll(t, s, l)
	if n := d.asked(http.MethodHead); n != askAgain {
		t.Errorf("%d files were asked for again, want %d", n, askAgain)
	}
	d.change("0549.json", func(f *stored) { f.body, f.modified = "new", noon.Add(time.Second) })
	mustPoll(t, s, l)
	mustPoll(t, s, l)
	if l.bodies["0549.json"] != "new" {
		t.Error("the change was not seen in two polls")
	}
}

func TestReceivedIsTheFirstSightWhereNothingTellsIt(t *testing.T) {
	d := newWebDrop(t, Manifest)
	d.without = []string{"Etag", "Last-Modified"}
	d.put("a.json", "a", noon)
	s, l := d.open(t, func(c *Config) { c.Now = func() time.Time { return noon.Add(time.Minute) } }), newLedger()
	mustPoll(t, s, l)
	if got := l.items[0].Received; !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("received %v", got)
	}
}
