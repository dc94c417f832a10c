package query

import (
	"context"
	"fmt"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/frames"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

func (r *request) rowQuery() store.RowQuery {
	return store.RowQuery{Selection: r.selection(), Limit: r.Limit}
}

func answerFailures(ctx context.Context, r *request) (data.Frames, error) {
	rows, more, err := r.Store.Failures(ctx, r.rowQuery())
	if err != nil {
		return nil, fmt.Errorf("read failure details: %w", err)
	}
	frame := frames.Failures(rows, r.TimeField)
	r.cutNotice(frame, more)
	return data.Frames{frame}, nil
}

func answerReports(ctx context.Context, r *request) (data.Frames, error) {
	rows, more, err := r.Store.Reports(ctx, r.rowQuery())
	if err != nil {
		return nil, fmt.Errorf("read reports: %w", err)
	}
	frame := frames.Reports(rows, r.TimeField, r.Counting)
	frames.LinkRaw(frame, r.Resources, "reports")
	r.cutNotice(frame, more)
	return data.Frames{frame}, nil
}

func answerSources(_ context.Context, r *request) (data.Frames, error) {
	var rows []frames.SourceRow
	for _, s := range r.Sources {
		if !r.passes(store.Source, s.ID) {
			continue
		}
		row := s.SourceRow
		if !s.LastSuccess.IsZero() {
			lag := max(r.To.Sub(s.LastSuccess).Seconds(), 0)
			row.Lag = &lag
		}
		rows = append(rows, row)
	}
	return data.Frames{frames.Sources(rows)}, nil
}

func answerQuarantine(ctx context.Context, r *request) (data.Frames, error) {
	rows, more, err := r.Store.Quarantine(ctx, r.rowQuery())
	if err != nil {
		return nil, fmt.Errorf("read quarantine: %w", err)
	}
	frame := frames.Quarantine(rows)
	frames.LinkRaw(frame, r.Resources, "quarantine")
	r.cutNotice(frame, more)
	return data.Frames{frame}, nil
}
