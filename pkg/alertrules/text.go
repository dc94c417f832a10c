package alertrules

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// A Text is what an alert tells people.
type Text struct {
	// Labels are the rule's own, expanded; Annotations its texts.
	Labels, Annotations map[string]string
}

// Text expands the rule's labels and annotations for an instance, as Grafana
// does before it notifies. Grafana at address, with a slash at the end, is
// what links lead to.
func (r Rule) Text(labels data.Labels, values map[string]Value, address string) (Text, error) {
	text := Text{Labels: map[string]string{}, Annotations: map[string]string{}}
	for name, from := range r.Labels {
		expanded, err := expand(from, labels, values, address)
		if err != nil {
			return text, fmt.Errorf("rule %s, label %s: %w", r.UID, name, err)
		}
		text.Labels[name] = expanded
	}
	for name, from := range r.Annotations {
		expanded, err := expand(from, labels, values, address)
		if err != nil {
			return text, fmt.Errorf("rule %s, annotation %s: %w", r.UID, name, err)
		}
		text.Annotations[name] = expanded
	}
	return text, nil
}

func expand(text string, labels data.Labels, values map[string]Value, address string) (string, error) {
	functions := template.FuncMap{
		"externalURL":        func() string { return address },
		"toTime":             toTime,
		"humanizeDuration":   humanizeDuration,
		"humanizePercentage": func(f float64) string { return fmt.Sprintf("%.4g%%", f*100) },
		"urlquery":           func(s string) string { return url.QueryEscape(s) },
	}
	parsed, err := template.New("").Funcs(functions).Parse("{{- $labels := .Labels -}}{{- $values := .Values -}}" + text)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	err = parsed.Execute(&out, map[string]any{"Labels": map[string]string(labels), "Values": values})
	return out.String(), err
}

// toTime reads seconds since 1970.
func toTime(seconds float64) (*time.Time, error) {
	if math.IsNaN(seconds) || math.Abs(seconds) > math.MaxInt32*100 {
		return nil, fmt.Errorf("%v is no time", seconds)
	}
	t := time.Unix(int64(seconds), 0).UTC()
	return &t, nil
}

// humanizeDuration tells seconds as 1d 2h 3m 4s.
func humanizeDuration(seconds float64) string {
	rest := int64(math.Abs(seconds))
	days, hours, minutes := rest/86400, rest/3600%24, rest/60%60
	sign := ""
	if seconds < 0 {
		sign = "-"
	}
	switch {
	case days > 0:
		return fmt.Sprintf("%s%dd %dh %dm %ds", sign, days, hours, minutes, rest%60)
	case hours > 0:
		return fmt.Sprintf("%s%dh %dm %ds", sign, hours, minutes, rest%60)
	case minutes > 0:
		return fmt.Sprintf("%s%dm %ds", sign, minutes, rest%60)
	default:
		return sign + strconv.FormatFloat(math.Abs(seconds), 'g', 4, 64) + "s"
	}
}
