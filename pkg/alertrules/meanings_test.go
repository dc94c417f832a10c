package alertrules

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/analytics"
)

const rulesFile = "../../provisioning/alerting/tlsrpt.yaml"

var update = flag.Bool("update", false, "write the meanings into the texts of the rules anew")

// meaningsBlock is what stands for result types in a text: a comment that names
// them, the template, and a comment that ends it.
var meaningsBlock = regexp.MustCompile(`(?s)( *)\{\{/\* meanings: ([a-z, -]+) \*/\}\}\n.*?\{\{/\* end of meanings \*/\}\}\n`)

// meaningsTemplate tells of the label resultType what it means, whose fault it
// likely is, and what to do. The last line is for types that nobody specifies.
func meaningsTemplate(indent string, types []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(indent + fmt.Sprintf(format, args...) + "\n") }
	tell := func(resultType string) string {
		m := analytics.MeaningOf(resultType)
		fix := strings.ReplaceAll(m.Fix, "DOMAIN", "{{ $labels.policyDomain }}")
		meaning := strings.ReplaceAll(m.Meaning, "DOMAIN", "{{ $labels.policyDomain }}")
		return fmt.Sprintf("%s Whose fault it likely is: %s. What to do: %s", meaning, m.Fault, fix)
	}
	line("{{/* meanings: %s */}}", strings.Join(types, ", "))
	if len(types) == 1 {
		// Whose fault it likely is such a rule tells by who saw it.
		m := analytics.MeaningOf(types[0])
		line("{{- \"\" }}%s What to do: %s{{/* end of meanings */}}", m.Meaning, m.Fix)
		return b.String()
	}
	word := "if"
	for _, t := range types {
		line("{{- %s eq $labels.resultType %q -}}", word, t)
		line("%s", tell(t))
		word = "else if"
	}
	line("{{- else -}}")
	line("%s", tell(""))
	line("{{- end }}{{/* end of meanings */}}")
	return b.String()
}

func TestTextsSayWhatTheMeaningsSay(t *testing.T) {
	raw, err := os.ReadFile(rulesFile)
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	written := meaningsBlock.ReplaceAllStringFunc(string(raw), func(block string) string {
		blocks++
		parts := meaningsBlock.FindStringSubmatch(block)
		return meaningsTemplate(parts[1], strings.Split(parts[2], ", "))
	})
	if blocks != 5 {
		t.Errorf("%d rules tell of result types, want 5", blocks)
	}
	if written == string(raw) {
		return
	}
	if !*update {
		t.Fatal("the texts differ from pkg/analytics/meanings.json: run go test ./pkg/alertrules -update")
	}
	if err := os.WriteFile(rulesFile, []byte(written), 0o644); err != nil {
		t.Fatal(err)
	}
}
