package alertrules

import (
	"fmt"
	"math"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// A value is one number of a query or an expression.
type value struct {
	// labels tell it apart; nil for a constant.
	labels data.Labels
	number float64
	// noData stands for a query without any row.
	noData bool
}

// results are the numbers of one query or expression.
type results []value

// empty says that a query had no row.
func (r results) empty() bool { return len(r) == 1 && r[0].noData }

func (c constant) eval(map[string]results) (results, error) {
	return results{{number: float64(c)}}, nil
}

func (r reference) eval(values map[string]results) (results, error) {
	found, known := values[string(r)]
	if !known {
		return nil, fmt.Errorf("there is no query or expression %q", string(r))
	}
	return found, nil
}

func (u unary) eval(values map[string]results) (results, error) {
	of, err := u.of.eval(values)
	if err != nil {
		return nil, err
	}
	made := make(results, len(of))
	for i, v := range of {
		made[i] = v
		switch {
		case v.noData || math.IsNaN(v.number):
		case u.operator == "-":
			made[i].number = -v.number
		default:
			made[i].number = truth(v.number == 0)
		}
	}
	return made, nil
}

func (b binary) eval(values map[string]results) (results, error) {
	left, err := b.left.eval(values)
	if err != nil {
		return nil, err
	}
	right, err := b.right.eval(values)
	if err != nil {
		return nil, err
	}
	var made results
	for _, pair := range join(left, right) {
		made = append(made, value{
			labels: pair.labels, noData: pair.left.noData || pair.right.noData,
			number: operate(b.operator, pair.left.number, pair.right.number),
		})
	}
	return made, nil
}

// A pair is two values that belong together, with the labels of both.
type pair struct {
	labels      data.Labels
	left, right value
}

// join puts values together whose labels are equal, or of which one has all
// labels of the other. The rest drops out. Where both sides have one value
// alone, these go together whatever their labels are.
func join(left, right results) []pair {
	if len(left) == 0 || len(right) == 0 {
		return nil
	}
	if (len(left) == 1 || len(right) == 1) && (left[0].noData || right[0].noData) {
		return []pair{{left: left[0], right: right[0]}}
	}
	var pairs []pair
	for _, l := range left {
		for _, r := range right {
			if labels, ok := common(l.labels, r.labels); ok {
				pairs = append(pairs, pair{labels: labels, left: l, right: r})
			}
		}
	}
	if len(pairs) == 0 && len(left) == 1 && len(right) == 1 {
		return []pair{{left: left[0], right: right[0]}}
	}
	return pairs
}

// common returns the larger of two sets of labels, where it holds the smaller.
func common(a, b data.Labels) (data.Labels, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	return a, a.Contains(b)
}

// operate works out two numbers. && and || look at the second one only where
// the first does not decide; otherwise what is no number makes no number.
func operate(operator string, a, b float64) float64 {
	switch {
	case operator == "||" && a != 0:
		return 1
	case operator == "&&" && a == 0:
		return 0
	case math.IsNaN(a) || math.IsNaN(b):
		return math.NaN()
	}
	switch operator {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	case "==":
		return truth(a == b)
	case "!=":
		return truth(a != b)
	case "<":
		return truth(a < b)
	case "<=":
		return truth(a <= b)
	case ">":
		return truth(a > b)
	case ">=":
		return truth(a >= b)
	default: // && after a number that is not 0, || after 0
		return truth(b != 0)
	}
}

func truth(holds bool) float64 {
	if holds {
		return 1
	}
	return 0
}
