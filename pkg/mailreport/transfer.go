package mailreport

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"

	"github.com/emersion/go-message/charset"
)

// decodeTransfer takes the transfer encoding off a part's body (RFC 2045
// section 6), as far as it can be: what is no such encoding stays as it is.
func decodeTransfer(encoding string, body []byte) []byte {
	switch kindOf(body) {
	case kindGzip, kindZip:
		// Binary, whatever the header says.
		return body
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		if kindOf(body) == kindOther {
			return decodeBase64(body)
		}
	case "quoted-printable":
		return decodeQuotedPrintable(body)
	default:
		if looksLikeBase64(body) {
			return decodeBase64(body)
		}
	}
	return body
}

// base64Starts are how gzip, zip, JSON objects and arrays of them start in base64.
var base64Starts = []string{"H4sI", "UEsD", "eyJ", "ew0K", "ewog", "ewoJ", "W3si"}

// looksLikeBase64 tells a body whose sender forgot to say that it is base64.
func looksLikeBase64(body []byte) bool {
	head := string(bytes.TrimLeft(body[:min(len(body), 64)], " \t\r\n"))
	for _, start := range base64Starts {
		if strings.HasPrefix(head, start) {
			return !strings.ContainsAny(strings.TrimRight(head, "\r\n "), " {\"")
		}
	}
	return false
}

// decodeBase64 decodes the base64 in body, passing over every character that
// doesn't belong there (RFC 2045 section 6.8), and what a fault leaves undecodable.
func decodeBase64(body []byte) []byte {
	digits := make([]byte, 0, len(body))
	for _, c := range body {
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '+', c == '/':
			digits = append(digits, c)
		case c == '-':
			digits = append(digits, '+')
		case c == '_':
			digits = append(digits, '/')
		}
	}
	if len(digits)%4 == 1 {
		digits = digits[:len(digits)-1]
	}
	n, _ := base64.RawStdEncoding.Decode(digits, digits)
	return digits[:n]
}

// decodeQuotedPrintable decodes a body (RFC 2045 section 6.7) whose lines may be
// of any length, which the one of the standard library refuses. What is no
// encoding stays as it is.
func decodeQuotedPrintable(body []byte) []byte {
	decoded := make([]byte, 0, len(body))
	for line := range bytes.Lines(body) {
		text := bytes.TrimRight(line, "\r\n")
		end := line[len(text):]
		// Relays add blanks at the end of lines.
		text = bytes.TrimRight(text, " \t")
		if soft, ok := bytes.CutSuffix(text, []byte("=")); ok {
			text, end = soft, nil
		}
		for len(text) > 0 {
			sign := bytes.IndexByte(text, '=')
			if sign < 0 {
				sign = len(text)
			}
			decoded, text = append(decoded, text[:sign]...), text[sign:]
			if len(text) == 0 {
				break
			}
			var octet [1]byte
			if len(text) >= 3 {
				if _, err := hex.Decode(octet[:], text[1:3]); err == nil {
					decoded, text = append(decoded, octet[0]), text[3:]
					continue
				}
			}
			decoded, text = append(decoded, '='), text[1:]
		}
		decoded = append(decoded, end...)
	}
	return decoded
}

// decodeCharset turns JSON that is labelled with another character set into
// UTF-8. An unknown character set changes nothing.
func decodeCharset(label string, content []byte) []byte {
	switch strings.ToLower(label) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return content
	}
	if kindOf(content) != kindJSON || isWideJSON(content) {
		return content
	}
	r, err := charset.Reader(label, bytes.NewReader(content))
	if err != nil {
		return content
	}
	decoded, err := io.ReadAll(r)
	if err != nil {
		return content
	}
	return decoded
}
