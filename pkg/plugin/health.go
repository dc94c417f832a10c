package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// checkTime is how long all sources together may take to answer.
const checkTime = 15 * time.Second

// CheckHealth tries every source at once and says in sentences what works and
// what to do about what doesn't. No sentence holds a secret.
func (d *Datasource) CheckHealth(ctx context.Context, _ *backend.CheckHealthRequest) (*backend.CheckHealthResult, error) {
	if d.problem != nil {
		return unhealthy(d.problem.Error(), nil), nil
	}
	if len(d.settings.Sources) == 0 {
		return unhealthy("There is no source yet: add a report mailbox (IMAP) or an HTTPS drop, then save and test again.", nil), nil
	}
	collector := d.collector()
	checks := d.checkSources(ctx, collector)
	awaitRecovery(ctx, collector, checks)
	addPollFailures(collector.Status(), checks)
	notes := storeNotes(ctx, collector)
	status := collector.Status()
	if status.StoreError != "" {
		return unhealthy("The store can't be opened: "+status.StoreError, append(notes, sentences(checks)...)), nil
	}
	if failed := firstFailure(checks); failed != "" {
		return unhealthy(failed, append(sentences(checks), notes...)), nil
	}
	message := fmt.Sprintf("%s. %s", worksCount(len(checks)), strings.Join(append(sentences(checks), notes...), " "))
	return &backend.CheckHealthResult{Status: backend.HealthStatusOk, Message: strings.TrimSpace(message), JSONDetails: details(ctx, collector)}, nil
}

type sourceCheck struct {
	id, name string
	sentence string
	err      error
}

func (c sourceCheck) String() string {
	if c.err != nil {
		return fmt.Sprintf("Source %q does not work: %s", c.name, asSentence(c.err.Error()))
	}
	return fmt.Sprintf("%s: %s", c.name, asSentence(c.sentence))
}

func (d *Datasource) checkSources(ctx context.Context, collector *ingest.Collector) []sourceCheck {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	checks := make([]sourceCheck, len(d.settings.Sources))
	var wg sync.WaitGroup
	for i, s := range d.settings.Sources {
		checks[i].id, checks[i].name = s.ID, s.Name
		wg.Go(func() {
			checks[i].sentence, checks[i].err = collector.Check(ctx, s.ID)
			if errors.Is(checks[i].err, context.DeadlineExceeded) && !errors.As(checks[i].err, new(*source.Error)) {
				checks[i].err = &source.Error{Setting: "host", Sentence: "The server did not answer in time: check host and port, and whether a firewall is between."}
			}
		})
	}
	wg.Wait()
	return checks
}

// recoveryTime is how long a health check waits for a source that answers again
// to be polled.
const recoveryTime = 3 * time.Second

// awaitRecovery has sources polled that answer, and whose last poll failed: it
// may have been an outage that is over.
func awaitRecovery(ctx context.Context, collector *ingest.Collector, checks []sourceCheck) {
	failing := func() map[*sourceCheck]string { return failedPolls(collector.Status(), checks) }
	for c := range failing() {
		_ = collector.PollNow(c.id) // where it can't be asked for, its failure is told
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryTime)
	defer cancel()
	for len(failing()) > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// failedPolls returns the checks that found nothing wrong of sources whose last
// poll failed, and why it did.
func failedPolls(status ingest.Status, checks []sourceCheck) map[*sourceCheck]string {
	failed := map[*sourceCheck]string{}
	for _, s := range status.Sources {
		if s.State != ingest.Failing && s.State != ingest.Misconfigured || s.LastError == "" {
			continue
		}
		for i := range checks {
			if c := &checks[i]; c.id == s.ID && c.err == nil {
				failed[c] = s.LastError
			}
		}
	}
	return failed
}

// addPollFailures makes the failure of a source's last poll its check's: a full
// disk or a server that refuses to delete shows in no connection.
func addPollFailures(status ingest.Status, checks []sourceCheck) {
	for c, why := range failedPolls(status, checks) {
		c.err = errors.New(why)
	}
}

func sentences(checks []sourceCheck) []string {
	list := make([]string, len(checks))
	for i, c := range checks {
		list[i] = c.String()
	}
	return list
}

func firstFailure(checks []sourceCheck) string {
	for _, c := range checks {
		if c.err != nil {
			return c.String()
		}
	}
	return ""
}

// storeNotes say what a person should know of the store, and of a first
// synchronisation or a reading again that is still going on.
func storeNotes(ctx context.Context, collector *ingest.Collector) []string {
	reports, err := collector.Store()
	if err != nil {
		return nil
	}
	var notes []string
	status := collector.Status()
	if status.StoreWarning != "" {
		notes = append(notes, "Warning: "+asSentence(status.StoreWarning))
	}
	if status.Holder != "" {
		notes = append(notes, asSentence("Another process polls: "+status.Holder))
	}
	if status.Rereading != nil {
		notes = append(notes, status.Rereading.String())
	}
	for _, s := range status.Sources {
		if s.State == ingest.Syncing && s.Progress.Total > 0 {
			notes = append(notes, fmt.Sprintf("First synchronisation of %s: %d of %d done.", s.Name, s.Progress.Done, s.Progress.Total))
		}
	}
	if _, count, err := reports.Size(ctx); err == nil {
		notes = append(notes, fmt.Sprintf("%d reports are stored.", count))
	}
	return notes
}

func worksCount(n int) string {
	if n == 1 {
		return "The source works"
	}
	return fmt.Sprintf("All %d sources work", n)
}

func asSentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func unhealthy(message string, more []string) *backend.CheckHealthResult {
	raw, err := json.Marshal(map[string]string{"message": message, "verboseMessage": strings.Join(more, "\n")})
	if err != nil {
		raw = nil
	}
	return &backend.CheckHealthResult{Status: backend.HealthStatusError, Message: message, JSONDetails: raw}
}

// details are the sources with their accounts, for who reads the reply by machine.
func details(ctx context.Context, collector *ingest.Collector) []byte {
	reports, err := collector.Store()
	if err != nil {
		return nil
	}
	accounts, err := reports.Accounts(ctx)
	if err != nil {
		return nil
	}
	raw, err := json.Marshal(map[string]any{"sources": sourcesJSON(collector.Status(), accounts)})
	if err != nil {
		return nil
	}
	return raw
}
