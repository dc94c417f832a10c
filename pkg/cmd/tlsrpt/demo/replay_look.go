package demo

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

// look asks what the dashboard «Failures» shows when the alert fires: who
// reported it, at which MX, and why.
func (a *firedAlert) look(ctx context.Context, w *world, at time.Time) error {
	domain := a.Labels["policyDomain"]
	if domain == "" || a.Incident == nil {
		return nil
	}
	equal := func(dimension string, values ...string) map[string]any {
		return map[string]any{"dimension": dimension, "operator": "=", "values": values}
	}
	raw, err := json.Marshal(map[string]any{
		"queryType": "failures", "timeField": "stored", "maxLateness": "7d", "limit": 1000,
		"filters": []any{equal("policyDomain", domain), equal("resultType", a.Incident.ResultTypes...)},
	})
	if err != nil {
		return err
	}
	answer, err := w.answerJSON(ctx, raw, at.Add(-72*time.Hour), at)
	if err != nil || len(answer) == 0 {
		return err
	}
	a.Reporters, a.MXs = distinct(answer[0], "reporter"), distinct(answer[0], "receivingMx")
	reason := ""
	if codes := distinct(answer[0], "reasonCode"); len(codes) > 0 {
		reason = codes[0]
	}
	meaning := analytics.Explain(a.Incident.ResultTypes[0], reason)
	if kind := a.Labels["resultType"]; kind != "" {
		meaning = analytics.Explain(kind, reason)
	}
	a.Reason = meaning.Brief
	a.Fix, _, _ = strings.Cut(meaning.FixFor(domain), ". ")
	a.Fix, _, _ = strings.Cut(a.Fix, ": ")
	return nil
}

// distinct are the texts of a column, without empty ones, in order.
func distinct(frame *data.Frame, column string) []string {
	field, _ := frame.FieldByName(column)
	if field == nil {
		return nil
	}
	var values []string
	for i := range field.Len() {
		text, ok := field.ConcreteAt(i)
		if word, isText := text.(string); ok && isText && word != "" && !slices.Contains(values, word) {
			values = append(values, word)
		}
	}
	slices.Sort(values)
	return values
}
