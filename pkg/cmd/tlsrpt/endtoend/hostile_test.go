package endtoend

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// goodReport is a report that must be stored whatever stands beside it.
func goodReport(id string) []byte { return document(id, policyOf("good.example")) }

// A hostileSetup is a mailbox and a drop with a good report before and after
// each hostile input.
type hostileSetup struct {
	letters []letter
	// mails and files tell what is where: by UID, and by file name.
	mails       map[string]hostileInput
	files       map[string]hostileInput
	goodMails   int
	goodFiles   int
	lastArrival time.Time
}

func prepareHostile(t *testing.T, nginx *loopback.Nginx) *hostileSetup {
	t.Helper()
	s := &hostileSetup{mails: map[string]hostileInput{}, files: map[string]hostileInput{}, lastArrival: time.Now().Add(-24 * time.Hour).Truncate(time.Second)}
	put := func(name string, content []byte) {
		if err := nginx.Put(name, s.lastArrival, content); err != nil {
			t.Fatal(err)
		}
	}
	good := func(file bool) {
		s.lastArrival = s.lastArrival.Add(time.Second)
		if !file {
			s.goodMails++
			s.letters = append(s.letters, letter{received: s.lastArrival, mail: wrap(goodReport(fmt.Sprint("mail ", s.goodMails)))})
			return
		}
		s.goodFiles++
		put(fmt.Sprint("good", s.goodFiles), gzipOf(goodReport(fmt.Sprint("file ", s.goodFiles))))
	}
	for _, input := range hostileInputs {
		isFile := input.file != ""
		good(isFile)
		s.lastArrival = s.lastArrival.Add(time.Second)
		if isFile {
			put(input.file, input.body(t))
			s.files[input.file] = input
		} else {
			s.letters = append(s.letters, letter{received: s.lastArrival, mail: input.body(t)})
			s.mails[fmt.Sprint("UID=", len(s.letters))] = input
		}
		good(isFile)
	}
	return s
}

func TestHostileInputsAreRefusedForTheirReasonAndKeepNoGoodReportBack(t *testing.T) {
	nginx := startDrop(t)
	setup := prepareHostile(t, nginx)
	odd := startOddDrops(t)
	dovecot := startDovecot(t, setup.letters)
	settings := mailboxSettings(dovecot, "keep")
	settings["retentionDays"] = 400
	sources := append(settings["sources"].([]any), map[string]any{
		"id": "drop1", "type": "https", "url": nginx.URL, "auth": "basic", "username": "reader", "tlsCaCert": nginx.CA, "pollInterval": "1s",
	})
	for _, o := range odd {
		sources = append(sources, map[string]any{"id": o.id, "type": "https", "url": o.url, "tlsCaCert": o.ca, "pollInterval": "1s"})
	}
	settings["sources"] = sources
	began := time.Now()
	a := startPlugin(t, dataSource(t, settings, map[string]string{"source.mb1.password": dovecot.Password, "source.drop1.password": "reads"}))
	states := awaitSources(t, a, func(s sourceState) bool {
		o, isOdd := odd[s.ID]
		if isOdd && o.says != "" {
			return s.LastError != "" && s.Stored >= o.stored
		}
		return s.LastSuccess != nil
	})
	t.Logf("%d hostile inputs and %d odd servers were read in %v", len(hostileInputs), len(odd), time.Since(began).Round(time.Millisecond))
	checkResident(t, a.plugin.Pid())

	checkHostile(t, a, setup)
	for _, s := range states {
		if o, isOdd := odd[s.ID]; isOdd {
			o.check(t, s)
		}
	}
}

// checkHostile holds the quarantine, the account and the reports against what
// should have become of everything.
func checkHostile(t *testing.T, a asker, setup *hostileSetup) {
	t.Helper()
	reasons, details := map[string]string{}, map[string]string{}
	for _, row := range tableOf(t, a, map[string]any{"queryType": "quarantine", "limit": 1_000}) {
		if row["source"] != "mb1" && row["source"] != "drop1" {
			continue
		}
		// References end in ";UID=7", or in the file's name, size and time.
		reference := strings.Fields(row["reference"].(string))[0]
		place := row["source"].(string) + " " + reference[strings.LastIndexAny(reference, "/;")+1:]
		reasons[place], details[place] = row["reason"].(string), row["detail"].(string)
	}
	for where, inputs := range map[string]map[string]hostileInput{"mb1 ": setup.mails, "drop1 ": setup.files} {
		for name, input := range inputs {
			want := input.becomes
			if want == isStored || want == isIgnored {
				want = ""
			}
			if got := reasons[where+name]; got != want {
				t.Errorf("%s is in quarantine as %q (%s), want %q", input.says, got, details[where+name], want)
			} else if want != "" && strings.Count(details[where+name], " ") < 2 {
				t.Errorf("%s: the quarantine says no more than %q", input.says, details[where+name])
			}
			delete(reasons, where+name)
		}
	}
	for place, reason := range reasons {
		t.Errorf("%s is in quarantine as %q, and nothing hostile is there", place, reason)
	}
	stored := map[string]int{}
	for _, row := range tableOf(t, a, map[string]any{"queryType": "reports", "limit": 10_000}) {
		if row["policyDomain"] == "good.example" && row["status"] == "counted" {
			stored[row["source"].(string)]++
		}
	}
	if stored["mb1"] != setup.goodMails || stored["drop1"] != setup.goodFiles {
		t.Errorf("of %d good mails and %d good files %v are counted", setup.goodMails, setup.goodFiles, stored)
	}
}

// tableOf reads a table's rows, by field.
func tableOf(t *testing.T, a asker, model map[string]any) []map[string]any {
	t.Helper()
	frames, err := a.query(t.Context(), model)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	for _, frame := range frames {
		rows = append(rows, rowsOf(frame)...)
	}
	return rows
}

func rowsOf(frame *data.Frame) []map[string]any {
	count, err := frame.RowLen()
	if err != nil {
		return nil
	}
	rows := make([]map[string]any, count)
	for i := range rows {
		rows[i] = map[string]any{}
		for _, field := range frame.Fields {
			value, _ := field.ConcreteAt(i)
			rows[i][field.Name] = value
		}
	}
	return rows
}

// BenchmarkHostile tells how long each hostile input takes to be judged.
func BenchmarkHostile(b *testing.B) {
	for _, input := range hostileInputs {
		b.Run(strings.ReplaceAll(input.says, " ", "-"), func(b *testing.B) {
			body := input.body(b)
			b.ReportAllocs()
			pipeline := &ingest.Pipeline{Panicked: func(what any, stack []byte) { b.Fatalf("%v\n%s", what, stack) }}
			file := ingest.File{Source: "mb1", Ref: "1", Received: time.Now(), Name: input.file, Mail: input.file == "", Route: store.Direct, Body: body}
			for b.Loop() {
				pipeline.Process(b.Context(), file)
			}
		})
	}
}
