package tlsrpt

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// readLines reads an array of strings, a single string, or strings that hold a
// JSON array themselves (as Microsoft writes TLSA record sets), a line each.
// normalize, where given, is applied to every line. Empty lines are dropped.
func (d *decoder) readLines(name string, normalize func(string) string) (lines []string, err error) {
	element := func() error {
		text, err := d.readString(name)
		if err != nil {
			return err
		}
		lines, err = d.appendLines(lines, name, text, normalize)
		return err
	}
	if d.dec.PeekKind() != '[' {
		return lines, element()
	}
	if err := d.open(); err != nil {
		return nil, err
	}
	for {
		switch d.dec.PeekKind() {
		case ']':
			return lines, d.close()
		case jsontext.KindInvalid:
			return nil, d.skip()
		}
		if err := element(); err != nil {
			return nil, err
		}
	}
}

func (d *decoder) appendLines(lines []string, name string, text []byte, normalize func(string) string) ([]string, error) {
	if records, ok := unwrapArray(text); ok {
		for _, record := range records {
			var err error
			if lines, err = d.appendLine(lines, name, []byte(record), normalize); err != nil {
				return nil, err
			}
		}
		return lines, nil
	}
	for line := range bytes.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		var err error
		if lines, err = d.appendLine(lines, name, line, normalize); err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func (d *decoder) appendLine(lines []string, name string, text []byte, normalize func(string) string) ([]string, error) {
	line := d.clean(name, text, MaxText)
	if normalize != nil {
		line = normalize(line)
	}
	if line == "" {
		return lines, nil
	}
	if d.lines++; d.lines > MaxLines {
		return nil, &Error{Reason: ReasonTooMany, Sentence: fmt.Sprintf("The report has more than %d policy lines and MX patterns.", MaxLines)}
	}
	return append(lines, line), nil
}

// unwrapArray returns the strings of a JSON array that is written inside a
// string; ok is false where text is something else.
func unwrapArray(text []byte) (elements []string, ok bool) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || text[0] != '[' {
		return nil, false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowInvalidUTF8(true))
	if _, err := dec.ReadToken(); err != nil {
		return nil, false
	}
	for dec.PeekKind() == '"' {
		token, err := dec.ReadToken()
		if err != nil {
			return nil, false
		}
		elements = append(elements, token.String())
	}
	end, err := dec.ReadToken()
	return elements, err == nil && end.Kind() == ']'
}

// policyMode finds the mode in an MTA-STS policy (RFC 8461 section 3.2),
// whatever the order of its lines.
func policyMode(lines []string) string {
	for _, line := range lines {
		key, value, ok := strings.Cut(line, ":")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), "mode") {
			continue
		}
		switch mode := strings.ToLower(strings.TrimSpace(value)); mode {
		case "enforce", "testing", "none":
			return mode
		}
	}
	return ""
}

var tlsaRecord = regexp.MustCompile(`^\d{1,3} \d{1,3} \d{1,3} [0-9A-Fa-f ]+$`)

// inferPolicyType tells the type of a policy from its lines; empty where they
// don't show it.
func inferPolicyType(lines []string) string {
	for _, line := range lines {
		if strings.Contains(strings.ToLower(line), "stsv1") {
			return PolicySTS
		}
		if tlsaRecord.MatchString(line) {
			return PolicyTLSA
		}
	}
	return ""
}
