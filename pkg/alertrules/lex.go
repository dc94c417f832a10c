package alertrules

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A tokenKind is what a token of an expression is.
type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenNumber
	tokenVariable // $name or ${name}
	tokenOperator
	tokenOpen
	tokenClose
)

type token struct {
	kind tokenKind
	text string
	// at is the token's place in the expression, in bytes from its start.
	at int
}

const operatorSigns = "!<>=&|+-*/"

// operators are those that are known, by how strongly they bind.
var operators = map[string]int{
	"||": 1, "&&": 2,
	"==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3,
	"+": 4, "-": 4, "*": 5, "/": 5,
	"!": 0, // only before a term
}

// lex cuts an expression into tokens; the last one is its end.
func lex(expression string) ([]token, error) {
	var tokens []token
	for at := 0; at < len(expression); {
		r, width := utf8.DecodeRuneInString(expression[at:])
		rest := expression[at:]
		next := token{at: at}
		switch {
		case unicode.IsSpace(r):
			at += width
			continue
		case r == '(':
			next.kind, next.text = tokenOpen, "("
		case r == ')':
			next.kind, next.text = tokenClose, ")"
		case r == '$':
			next.kind, next.text = tokenVariable, variable(rest)
		case r == '.' || '0' <= r && r <= '9':
			next.kind, next.text = tokenNumber, prefix(rest, func(r rune) bool { return r == '.' || '0' <= r && r <= '9' })
		case strings.ContainsRune(operatorSigns, r):
			next.kind, next.text = tokenOperator, operator(rest)
		}
		if next.text == "" {
			return nil, fmt.Errorf("%q is not understood", rest)
		}
		tokens = append(tokens, next)
		at += len(next.text)
	}
	return append(tokens, token{kind: tokenEnd, at: len(expression)}), nil
}

// variable returns the variable at the start of s, with its dollar; empty
// where there is no name.
func variable(s string) string {
	if strings.HasPrefix(s, "${") {
		end := strings.IndexByte(s, '}')
		if end < len("${x") {
			return ""
		}
		return s[:end+1]
	}
	name := prefix(s[1:], func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	if name == "" {
		return ""
	}
	return "$" + name
}

// operator returns the longest known operator at the start of s.
func operator(s string) string {
	for _, width := range []int{2, 1} {
		if len(s) < width {
			continue
		}
		if _, known := operators[s[:width]]; known {
			return s[:width]
		}
	}
	return ""
}

func prefix(s string, has func(rune) bool) string {
	if end := strings.IndexFunc(s, func(r rune) bool { return !has(r) }); end >= 0 {
		return s[:end]
	}
	return s
}
