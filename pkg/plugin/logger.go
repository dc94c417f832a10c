package plugin

import (
	"context"
	"log/slog"

	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

// Logger writes slog records to Grafana's log.
func Logger(to log.Logger) *slog.Logger { return slog.New(grafanaHandler{to: to}) }

type grafanaHandler struct {
	to    log.Logger
	group string
}

// Enabled leaves the choice of the level to Grafana.
func (grafanaHandler) Enabled(context.Context, slog.Level) bool { return true }

// Handle writes one record.
func (h grafanaHandler) Handle(_ context.Context, r slog.Record) error {
	var args []any
	r.Attrs(func(a slog.Attr) bool {
		args = append(args, h.group+a.Key, a.Value.Any())
		return true
	})
	switch {
	case r.Level >= slog.LevelError:
		h.to.Error(r.Message, args...)
	case r.Level >= slog.LevelWarn:
		h.to.Warn(r.Message, args...)
	case r.Level >= slog.LevelInfo:
		h.to.Info(r.Message, args...)
	default:
		h.to.Debug(r.Message, args...)
	}
	return nil
}

// WithAttrs returns a handler that adds attributes to every record.
func (h grafanaHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	args := make([]any, 0, 2*len(attrs))
	for _, a := range attrs {
		args = append(args, h.group+a.Key, a.Value.Any())
	}
	return grafanaHandler{to: h.to.With(args...), group: h.group}
}

// WithGroup returns a handler that puts the group's name before keys.
func (h grafanaHandler) WithGroup(name string) slog.Handler {
	return grafanaHandler{to: h.to, group: h.group + name + "."}
}
