package ingest

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// The defaults of [Options] and [Config].
const (
	DefaultIdleStop      = 48 * time.Hour
	DefaultPollInterval  = 5 * time.Minute
	DefaultRetentionDays = 400
)

// A Key names one data source of one Grafana organisation.
type Key struct {
	OrgID int64
	UID   string
}

// A SourceConfig is one entry of the setting "sources".
type SourceConfig struct {
	// ID is the source's id in the settings and in the store, Name what a
	// person calls it, Type "imap" or "https".
	ID, Name, Type string
	// Assume takes the source's reports as authenticated (trust "assume").
	Assume bool
	// PollInterval is the time between polls; 0 is [DefaultPollInterval].
	PollInterval time.Duration
	// Open makes the source without any I/O. An error says which setting is
	// wrong, as a [*source.Error] where one is to blame.
	Open func() (source.Source, error)
}

// A Config is what one data source's settings ask of the engine.
type Config struct {
	Sources []SourceConfig
	// Domains, DomainMap, Authentication and AuthservID are the settings of the
	// same names; see [Rules] and [mailreport.NewAuthenticator].
	Domains                    []string
	DomainMap                  map[string]string
	Authentication, AuthservID string
	// RetentionDays is how many days of reports are kept, counted by their
	// periods; 0 is [DefaultRetentionDays].
	RetentionDays int
	// Updated is when the settings were saved. Older ones than those in use
	// change nothing.
	Updated time.Time
	// Fingerprint tells settings apart, secrets included: equal ones leave the
	// pollers as they are.
	Fingerprint string
}

func (c Config) retentionDays() int {
	if c.RetentionDays <= 0 {
		return DefaultRetentionDays
	}
	return c.RetentionDays
}

func (c SourceConfig) pollInterval() time.Duration {
	if c.PollInterval <= 0 {
		return DefaultPollInterval
	}
	return c.PollInterval
}

// Options are what an engine needs of its surroundings.
type Options struct {
	// OpenStore opens the store of a data source. The warning is for the health
	// check, for example that the store is in memory and why. Required.
	OpenStore func(ctx context.Context, key Key) (s store.Store, warning string, err error)
	// Resolver answers the DNS questions of DKIM; nil is the system's.
	Resolver mailreport.Resolver
	// Logger gets what an administrator should see; nil logs nothing.
	Logger *slog.Logger
	// Registerer takes the metrics; nil keeps them unseen.
	Registerer prometheus.Registerer
	// IdleStop is how long a data source is polled without being used; 0 is
	// [DefaultIdleStop].
	IdleStop time.Duration
}

// The bounds of what is in flight, over all sources of the process.
const (
	maxBytesInFlight = 64 << 20
	maxWorkers       = 4
	maxAsking        = 8
)

// limits bound the memory of an engine, whatever its sources bring.
type limits struct {
	// bytes are those of bodies read and not yet committed.
	bytes *semaphore.Weighted
	// workers are the items being decoded.
	workers *semaphore.Weighted
	// heavy is one item at a time that inflates to more than heavyBytes.
	heavy *semaphore.Weighted
	// judging is one kept mail at a time that is judged again, and asking are the
	// keys of such mails that DNS is asked for.
	judging, asking *semaphore.Weighted
}

func newLimits() limits {
	return limits{
		bytes:   semaphore.NewWeighted(maxBytesInFlight),
		workers: semaphore.NewWeighted(int64(min(runtime.GOMAXPROCS(0), maxWorkers))),
		heavy:   semaphore.NewWeighted(1),
		judging: semaphore.NewWeighted(1),
		asking:  semaphore.NewWeighted(maxAsking),
	}
}
