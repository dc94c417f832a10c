package alertrules

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// at makes a value with labels such as "d=a,r=x".
func at(labels string, number float64) value {
	v := value{number: number, labels: data.Labels{}}
	for _, pair := range strings.Split(labels, ",") {
		if name, text, ok := strings.Cut(pair, "="); ok {
			v.labels[name] = text
		}
	}
	return v
}

func TestMathIsWorkedOutAsGrafanaDoes(t *testing.T) {
	nan := math.NaN()
	noData := results{{noData: true}}
	for name, c := range map[string]struct {
		expression string
		values     map[string]results
		want       map[string]float64
	}{
		"products bind before sums, comparisons after them": {"1 + 2 * 3 >= 7", nil, map[string]float64{"": 1}},
		"and binds before or":                               {"1 || 0 && 0", nil, map[string]float64{"": 1}},
		"parentheses come first":                            {"(1 || 0) && 0", nil, map[string]float64{"": 0}},
		"differences are taken from the left":               {"7 - 3 - 2", nil, map[string]float64{"": 2}},
		"a sign binds strongest":                            {"!0 + -2 * -$a", map[string]results{"a": {at("", 3)}}, map[string]float64{"": 7}},
		"or does not look at what is no number where the first decides": {
			"$a || $b", map[string]results{"a": {at("d=x", 1)}, "b": {at("d=x", nan)}}, map[string]float64{"d=x": 1}},
		"what is no number makes no number": {
			"$a > 1", map[string]results{"a": {at("d=x", nan)}}, map[string]float64{"d=x": nan}},
		"equal labels go together": {
			"$a - $b", map[string]results{"a": {at("d=x", 5), at("d=y", 9)}, "b": {at("d=y", 1), at("d=x", 2)}}, map[string]float64{"d=x": 3, "d=y": 8}},
		"fewer labels go with all that hold them": {
			"$a * $b", map[string]results{"a": {at("d=x,r=1", 5), at("d=x,r=2", 6), at("d=y,r=1", 7)}, "b": {at("d=x", 10)}},
			map[string]float64{"d=x, r=1": 50, "d=x, r=2": 60}},
		"an empty label is a label": {
			"$a * $b", map[string]results{"a": {at("d=x,m=", 5), at("d=x,m=1", 6)}, "b": {at("d=x", 10)}}, map[string]float64{"d=x, m=": 50, "d=x, m=1": 60}},
		"what has no partner drops out": {
			"$a || $b", map[string]results{"a": {at("d=x", 1), at("d=y", 1)}, "b": {at("d=x", 1)}}, map[string]float64{"d=x": 1}},
		"labels of one number that differ drop out where there are more": {
			"$a + $b", map[string]results{"a": {at("d=x", 1), at("d=z", 1)}, "b": {at("d=y", 1)}}, map[string]float64{}},
		"two single values go together whatever their labels are": {
			"$a + $b", map[string]results{"a": {at("d=x", 1)}, "b": {at("r=y", 2)}}, map[string]float64{"": 3}},
		"no data makes no data": {
			"$a + $b", map[string]results{"a": {at("d=x", 1), at("d=y", 1)}, "b": noData}, map[string]float64{"no data": 0}},
		"nothing makes nothing": {
			"$a + 1", map[string]results{"a": {}}, map[string]float64{}},
	} {
		t.Run(name, func(t *testing.T) {
			parsed, err := parseMath(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			made, err := parsed.eval(c.values)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, v := range made {
				key := v.labels.String()
				if v.noData {
					key, v.number = "no data", 0
				}
				got[key] = v.number
			}
			sameNaN := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
			if diff := cmp.Diff(c.want, got, sameNaN); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoExpressionIsRefused(t *testing.T) {
	for _, expression := range []string{"", "$a >", "($a", "$a $b", "$", "${}", "is_nan($a)", "1 ** 2", "1..2", "$a &| $b", ")", "$a = 1", "#"} {
		if parsed, err := parseMath(expression); err == nil {
			t.Errorf("%q is read as %v", expression, parsed)
		}
	}
}

func FuzzExpressionsNeverPanic(f *testing.F) {
	f.Add("($a >= 200 && $b >= 5) || !${c d} - .5")
	f.Fuzz(func(t *testing.T, expression string) {
		parsed, err := parseMath(expression)
		if err != nil {
			return
		}
		values := map[string]results{}
		for _, name := range parsed.variables(nil) {
			values[name] = results{at("d=x", 1), at("d=y", math.NaN())}
		}
		if _, err := parsed.eval(values); err != nil {
			t.Errorf("%q: %v", expression, err)
		}
	})
}
