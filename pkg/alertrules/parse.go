package alertrules

import (
	"fmt"
	"strconv"
	"strings"
)

// A node is a part of a parsed expression.
type node interface {
	// eval works it out with the values of its variables.
	eval(values map[string]results) (results, error)
	// variables appends the names that it needs.
	variables(names []string) []string
}

type (
	constant  float64
	reference string
	unary     struct {
		operator string
		of       node
	}
	binary struct {
		operator    string
		left, right node
	}
)

// A parser reads an expression by precedence, as Grafana's grammar has it.
type parser struct {
	tokens []token
	at     int
}

// parseMath reads a math expression.
func parseMath(expression string) (node, error) {
	tokens, err := lex(expression)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", expression, err)
	}
	p := &parser{tokens: tokens}
	n, err := p.from(1)
	if err == nil && p.peek().kind != tokenEnd {
		err = p.surprise()
	}
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w", expression, err)
	}
	return n, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) surprise() error {
	t := p.peek()
	if t.kind == tokenEnd {
		return fmt.Errorf("it ends too soon")
	}
	return fmt.Errorf("unexpected %q at %d", t.text, t.at)
}

// from reads terms joined by operators that bind at least so strongly.
func (p *parser) from(strength int) (node, error) {
	left, err := p.term()
	if err != nil {
		return nil, err
	}
	for {
		t := p.peek()
		binds := operators[t.text]
		if t.kind != tokenOperator || binds < strength {
			return left, nil
		}
		p.next()
		right, err := p.from(binds + 1)
		if err != nil {
			return nil, err
		}
		left = binary{operator: t.text, left: left, right: right}
	}
}

// term reads a number, a variable, something in parentheses, or one of them
// behind a sign.
func (p *parser) term() (node, error) {
	switch t := p.peek(); {
	case t.kind == tokenNumber:
		p.next()
		f, err := strconv.ParseFloat(t.text, 64)
		return constant(f), err
	case t.kind == tokenVariable:
		p.next()
		return reference(strings.Trim(t.text, "${}")), nil
	case t.kind == tokenOperator && (t.text == "!" || t.text == "-"):
		p.next()
		of, err := p.term()
		return unary{operator: t.text, of: of}, err
	case t.kind == tokenOpen:
		p.next()
		inner, err := p.from(1)
		if err != nil {
			return nil, err
		}
		if p.peek().kind != tokenClose {
			return nil, p.surprise()
		}
		p.next()
		return inner, nil
	default:
		return nil, p.surprise()
	}
}

func (c constant) variables(names []string) []string  { return names }
func (r reference) variables(names []string) []string { return append(names, string(r)) }
func (u unary) variables(names []string) []string     { return u.of.variables(names) }
func (b binary) variables(names []string) []string {
	return b.right.variables(b.left.variables(names))
}
