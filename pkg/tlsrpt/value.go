package tlsrpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// object reads an object, calling value for each member, which has to read the
// member's value. The key is valid until then. It returns the fields named.
func (d *decoder) object(value func(f field, key []byte) error) (seen fieldSet, err error) {
	if err := d.open(); err != nil {
		return 0, err
	}
	for d.dec.PeekKind() == '"' {
		quoted, err := d.dec.ReadValue()
		if err != nil {
			return 0, err
		}
		key := quoted[1 : len(quoted)-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = d.unquote(quoted)
		}
		f := fieldOf(key)
		if f != fieldUnknown {
			if seen.has(f) && !d.again(WarnDuplicateKey) {
				d.warn(WarnDuplicateKey, "%s stands twice in one object; the last one counts", shown(string(key)))
			}
			seen.add(f)
		}
		if err := value(f, key); err != nil {
			return 0, err
		}
	}
	return seen, d.close()
}

// each calls element for every object of an array, or for a single object that
// stands where the array should. Null is an empty array.
func (d *decoder) each(name string, element func() error) error {
	switch d.dec.PeekKind() {
	case '{':
		return element()
	case 'n':
		return d.skip()
	case '[':
	default:
		return d.unexpected(name)
	}
	if err := d.open(); err != nil {
		return err
	}
	for {
		var err error
		switch d.dec.PeekKind() {
		case ']':
			return d.close()
		case '{':
			err = element()
		case 'n':
			err = d.skip()
		default:
			err = d.unexpected(name)
		}
		if err != nil {
			return err
		}
	}
}

// open reads the start of an object or array, and bounds the depth.
func (d *decoder) open() error {
	if _, err := d.dec.ReadToken(); err != nil {
		return unexpectedEnd(err)
	}
	if d.dec.StackDepth() > MaxDepth {
		return &Error{Reason: ReasonTooDeep, Sentence: fmt.Sprintf("The document nests deeper than %d levels.", MaxDepth)}
	}
	return nil
}

// close reads the end of an object or array.
func (d *decoder) close() error {
	_, err := d.dec.ReadToken()
	return unexpectedEnd(err)
}

// unexpectedEnd tells a document cut short from one that is empty.
func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// skip reads the next value, whatever it is, with the depth bounded.
func (d *decoder) skip() error {
	depth := d.dec.StackDepth()
	for {
		kind := d.dec.PeekKind()
		if kind == '{' || kind == '[' {
			if err := d.open(); err != nil {
				return err
			}
		} else if _, err := d.dec.ReadToken(); err != nil {
			return err
		}
		if d.dec.StackDepth() <= depth {
			return nil
		}
	}
}

// unexpected skips a value that can't be used where it stands; null is no value.
func (d *decoder) unexpected(name string) error {
	if kind := d.dec.PeekKind(); kind != 'n' && !d.again(WarnUnexpectedValue) {
		d.warn(WarnUnexpectedValue, "%s holds %s; it is ignored", name, kindName(kind))
	}
	return d.skip()
}

func kindName(kind jsontext.Kind) string {
	switch kind {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 't', 'f':
		return "a truth value"
	}
	return "null"
}

// unquote returns the text of a JSON string, at most [maxQuoted] bytes of it.
// It is valid until the next call.
func (d *decoder) unquote(quoted []byte) []byte {
	cut := len(quoted) > maxQuoted
	if cut {
		d.warn(WarnTruncated, "a string of %d bytes was cut", len(quoted)-2)
		quoted = cutQuoted(quoted)
	}
	var err error
	if d.text, err = jsontext.AppendUnquote(d.text[:0], quoted); err != nil && !cut {
		d.warn(WarnInvalidUTF8, "bytes that are no UTF-8 were replaced")
	}
	return d.text
}

// cutQuoted shortens a JSON string without leaving half an escape behind.
// Half a character may stay, far behind what any kept string holds.
func cutQuoted(quoted []byte) []byte {
	const surrogatePair = len(`\ud83d\ude00`)
	cut := quoted[:maxQuoted]
	if i := bytes.IndexByte(cut[len(cut)-surrogatePair:], '\\'); i >= 0 {
		cut = cut[:len(cut)-surrogatePair+i]
		// An escaped backslash may have been split: an even number may stay.
		stay := len(bytes.TrimRight(cut, `\`))
		cut = cut[:stay+(len(cut)-stay)/2*2]
	}
	return append(bytes.Clone(cut), '"')
}

// readString returns the next value as unquoted text, valid until the next
// read. Numbers and truth values are taken as they are written, null is empty.
func (d *decoder) readString(name string) ([]byte, error) {
	switch d.dec.PeekKind() {
	case '"':
		quoted, err := d.dec.ReadValue()
		if err != nil {
			return nil, err
		}
		if text := quoted[1 : len(quoted)-1]; len(quoted) <= maxQuoted && isPlain(text) && bytes.IndexByte(text, '\\') < 0 {
			return text, nil
		}
		return d.unquote(quoted), nil
	case '0', 't', 'f':
		return d.dec.ReadValue()
	}
	return nil, d.unexpected(name)
}

// readText returns the next value as text that may be shown.
func (d *decoder) readText(name string, limit int) (string, error) {
	text, err := d.readString(name)
	if err != nil {
		return "", err
	}
	return d.clean(name, text, limit), nil
}

// readFirstLine is readText for the first line of a value that has several.
func (d *decoder) readFirstLine(name string, limit int) (string, error) {
	text, err := d.readString(name)
	if err != nil {
		return "", err
	}
	text = bytes.TrimLeft(text, "\r\n \t")
	if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
		text = text[:i]
	}
	return d.clean(name, text, limit), nil
}

func (d *decoder) clean(name string, text []byte, limit int) string {
	s, truncated := cleanText(text, limit)
	if truncated {
		d.warn(WarnTruncated, "%s is longer than %d bytes and was cut", name, limit)
	}
	return s
}

func (d *decoder) readAddress(name string) (string, error) {
	text, err := d.readText(name, MaxHost)
	if err != nil {
		return "", err
	}
	address, ok := normalizeAddress(text)
	if !ok {
		d.warn(WarnInvalidAddress, "%s %s is no IP address; it is left out", name, shown(text))
	}
	return address, nil
}

// readCount returns the next value as a session count from 0 to [MaxCount].
func (d *decoder) readCount(name string) (int64, error) {
	switch d.dec.PeekKind() {
	case '0':
		number, err := d.dec.ReadValue()
		if err != nil {
			return 0, err
		}
		return d.count(name, string(number)), nil
	case '"':
		text, err := d.readText(name, MaxID)
		if err != nil {
			return 0, err
		}
		if text == "" {
			return 0, nil
		}
		number := strings.TrimSpace(text)
		if !isDecimal(number) {
			d.warn(WarnInvalidCount, "%s %s is no number; it counts as 0", name, shown(text))
			return 0, nil
		}
		d.warn(WarnCoercedCount, "%s is the string %s", name, shown(text))
		return d.count(name, number), nil
	}
	return 0, d.unexpected(name)
}

// isDecimal tells a decimal number, which package strconv would find in more
// than that, such as 1_000, 0x10 and inf.
func isDecimal(number string) bool {
	if strings.Trim(number, "+-.0123456789eE") != "" {
		return false
	}
	_, err := strconv.ParseFloat(number, 64)
	return err == nil || errors.Is(err, strconv.ErrRange)
}

// count returns a decimal number, however it is written, as a session count.
func (d *decoder) count(name, number string) int64 {
	n, err := strconv.ParseInt(number, 10, 64)
	if err == nil && 0 <= n && n <= MaxCount {
		return n
	}
	// A number out of the range of a float is infinite, or 0.
	f, _ := strconv.ParseFloat(number, 64)
	switch {
	case f < 0:
		d.warn(WarnClampedCount, "%s %s is negative; it counts as 0", name, shown(number))
		return 0
	case f > MaxCount:
		d.warn(WarnClampedCount, "%s %s counts as %d", name, shown(number), MaxCount)
		return MaxCount
	}
	if f != math.Trunc(f) {
		d.warn(WarnCoercedCount, "%s %s is no whole number; it counts as %d", name, shown(number), int64(f))
	}
	return int64(f)
}
