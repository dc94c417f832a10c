package mailreport

import (
	"bytes"
	"iter"
)

// partsOf yields the raw parts of a multipart body (RFC 2046 section 5.1.1).
// They share the body's memory. A missing last boundary ends the last part
// with the body.
func partsOf(body []byte, boundary string) iter.Seq[[]byte] {
	delimiter := []byte("--" + boundary)
	return func(yield func([]byte) bool) {
		start := -1
		for offset := 0; offset < len(body); {
			end := bytes.IndexByte(body[offset:], '\n') + 1
			if end == 0 {
				end = len(body) - offset
			}
			line := body[offset : offset+end]
			if rest, ok := bytes.CutPrefix(line, delimiter); ok && isDelimiterEnd(rest) {
				if start >= 0 && !yield(trimLineEnd(body[start:offset])) {
					return
				}
				if start = offset + end; bytes.HasPrefix(rest, []byte("--")) {
					return
				}
			}
			offset += end
		}
		if start >= 0 && start < len(body) {
			yield(body[start:])
		}
	}
}

// isDelimiterEnd tells whether rest may follow a boundary on its line.
func isDelimiterEnd(rest []byte) bool {
	return len(bytes.TrimSpace(bytes.TrimPrefix(rest, []byte("--")))) == 0
}

// trimLineEnd takes off the line end that belongs to the boundary after it.
func trimLineEnd(part []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(part, []byte("\n")), []byte("\r"))
}

// findBoundary returns the boundary, or where it is not said or not used, the
// one that the body's first line of that form shows.
func findBoundary(said string, body []byte) string {
	const longest, longestSaid = 70, 1000
	if said != "" && len(said) <= longestSaid && bytes.Contains(body, []byte("--"+said)) {
		return said
	}
	for line := range bytes.Lines(body) {
		shown, ok := bytes.CutPrefix(bytes.TrimRight(line, " \t\r\n"), []byte("--"))
		if !ok || len(shown) == 0 {
			continue
		}
		if len(shown) > longest || !bytes.Contains(body, append([]byte("\n--"), shown...)) {
			return ""
		}
		return string(shown)
	}
	return ""
}
