package mailreport

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// A key is a key record by its tags (RFC 6376 section 3.6.1).
type key map[string]string

// parseKeys returns the key records among TXT records. Others are passed over:
// they have another version, or no p=.
func parseKeys(records []string) []key {
	var keys []key
	for _, record := range records {
		tags, ok := parseTags(record)
		if !ok {
			continue
		}
		version, said := tags["v"]
		if _, isKey := tags["p"]; isKey && (!said || version == "DKIM1") {
			keys = append(keys, tags)
		}
	}
	return keys
}

// revoked tells an empty p=.
func (k key) revoked() bool { return withoutSpace(k["p"]) == "" }

// lists tells whether a tag whose value is a list of words has the word.
func (k key) lists(tag, word string) bool {
	for w := range strings.SplitSeq(k[tag], ":") {
		if strings.EqualFold(strings.TrimSpace(w), word) {
			return true
		}
	}
	return false
}

// serves tells whether the key may sign reports: for any service, for mail, or
// for TLS reports alone (RFC 8460 section 3).
func (k key) serves() bool {
	_, said := k["s"]
	return !said || k.lists("s", "*") || k.lists("s", "email") || k.lists("s", "tlsrpt")
}

// record returns the record as package dkim reads it, which knows no service
// tlsrpt and no white space but blanks in a key.
func (k key) record() string {
	var b strings.Builder
	for _, tag := range slices.Sorted(maps.Keys(k)) {
		value := k[tag]
		switch {
		case tag == "p":
			value = withoutSpace(value)
		case tag == "s" && k.serves():
			value = "email"
		}
		b.WriteString(tag + "=" + value + ";")
	}
	return b.String()
}

// public returns the key for signatures of the algorithm, which is the first
// word of the signature's a=.
func (k key) public(algorithm string) (any, error) {
	said := k["k"]
	if said == "" {
		said = "rsa"
	}
	if said != algorithm {
		return nil, errors.New("inappropriate key algorithm")
	}
	raw, err := base64.StdEncoding.DecodeString(withoutSpace(k["p"]))
	if err != nil {
		return nil, errors.New("key syntax error")
	}
	switch algorithm {
	case "ed25519":
		if len(raw) == ed25519.PublicKeySize {
			return ed25519.PublicKey(raw), nil
		}
	case "rsa":
		if public, ok := parseRSA(raw); ok {
			// RFC 8301 section 3.2.
			if public.Size()*8 < 1024 {
				return nil, errors.New("key is too short")
			}
			return public, nil
		}
	}
	return nil, errors.New("key syntax error")
}

// parseRSA reads both forms of an RSA key (RFC 6376 erratum 3017).
func parseRSA(raw []byte) (*rsa.PublicKey, bool) {
	if public, err := x509.ParsePKIXPublicKey(raw); err == nil {
		known, ok := public.(*rsa.PublicKey)
		return known, ok
	}
	public, err := x509.ParsePKCS1PublicKey(raw)
	return public, err == nil
}

// parseTags reads a tag list (RFC 6376 section 3.2). ok is false where it is
// none, or says a tag twice.
func parseTags(list string) (tags map[string]string, ok bool) {
	tags = make(map[string]string)
	for item := range strings.SplitSeq(list, ";") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		name, value, found := strings.Cut(item, "=")
		name = strings.TrimSpace(name)
		if _, twice := tags[name]; !found || twice {
			return nil, false
		}
		tags[name] = strings.TrimSpace(value)
	}
	return tags, true
}

func withoutSpace(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}
