package mailreport

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// separate returns the documents in JSON, at most [MaxParts]. That is raw as it
// is, unless complete objects that are reports follow the first one, as in lines
// of JSON or in gzip streams that were joined; or unless it is an array with a
// report in it, of which each object is a document. What else follows an object
// stays with it, for the decoder to tell of.
func separate(raw []byte) (documents [][]byte, tooMany bool) {
	text := withoutMark(raw)
	var starts []int
	if startsArray(text) {
		documents = elements(text)
	} else if starts = laterReports(text); len(starts) > 0 {
		start := 0
		for _, next := range starts {
			documents = append(documents, bytes.TrimSpace(text[start:next]))
			start = next
		}
		documents = append(documents, bytes.TrimSpace(text[start:]))
	}
	switch {
	case len(documents) == 0:
		return [][]byte{raw}, false
	case len(documents) > MaxParts:
		return documents[:MaxParts], true
	}
	return documents, false
}

// withoutMark returns JSON without a byte order mark and the white space before
// its first sign.
func withoutMark(raw []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(raw, byteOrderMark), " \t\r\n")
}

func decoderOf(text []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// laterReports returns where in text the reports start that follow its first
// value, of which no more than one too many are looked for.
func laterReports(text []byte) (starts []int) {
	dec := decoderOf(text)
	if dec.SkipValue() != nil {
		return nil
	}
	for len(starts) < MaxParts && dec.PeekKind() == '{' {
		value, err := dec.ReadValue()
		if err != nil {
			return starts
		}
		if hasPolicies(value) {
			starts = append(starts, int(dec.InputOffset())-len(value))
		}
	}
	return starts
}

// elements returns the objects in the array that text is, at most one more than
// [MaxParts]; none where no report is among them, or the array is not whole.
func elements(text []byte) (objects [][]byte) {
	dec := decoderOf(text)
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	reports := 0
	for dec.PeekKind() != ']' {
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if value.Kind() != '{' || len(objects) > MaxParts {
			continue
		}
		end := int(dec.InputOffset())
		if objects = append(objects, text[end-len(value):end]); hasPolicies(value) {
			reports++
		}
	}
	if _, err := dec.ReadToken(); err != nil || reports == 0 || len(bytes.TrimSpace(text[dec.InputOffset():])) > 0 {
		return nil
	}
	return objects
}

// hasPolicies tells a report by its key (RFC 8460 section 4.4), in any case.
func hasPolicies(object []byte) bool {
	dec := decoderOf(object)
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return false
		}
		if strings.EqualFold(key.String(), "policies") {
			return true
		}
		if dec.SkipValue() != nil {
			return false
		}
	}
	return false
}
