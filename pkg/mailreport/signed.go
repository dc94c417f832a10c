package mailreport

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// Package dkim takes time that grows with the square of a header, so that only
// headers of a size that real mail may have are verified.
const (
	maxSignedHeader = 256 << 10
	maxSignedLines  = 2000
	// maxSignature is the size of a DKIM-Signature field.
	maxSignature = 8 << 10
)

// A signedMail is a mail as it is verified: its header ends where the one that
// [Extract] reads ends, so that what is verified is what is read.
type signedMail struct {
	fields []string // with their folding, every line ending in CRLF
	body   []byte
}

func readSigned(mail []byte) (signedMail, error) {
	header, body := cutHeader(mail)
	if len(header) > maxSignedHeader {
		return signedMail{}, fmt.Errorf("the header is larger than %d KiB", maxSignedHeader>>10)
	}
	if n := bytes.Count(header, []byte("\n")); n > maxSignedLines {
		return signedMail{}, fmt.Errorf("the header has more than %d lines", maxSignedLines)
	}
	m := signedMail{body: body}
	for line := range bytes.Lines(header) {
		text := string(bytes.TrimRight(line, "\r\n")) + "\r\n"
		if last := len(m.fields) - 1; last >= 0 && (text[0] == ' ' || text[0] == '\t') {
			m.fields[last] += text
		} else {
			m.fields = append(m.fields, text)
		}
	}
	return m, nil
}

// signatures returns where the first signatures are in fields, at most n.
func (m signedMail) signatures(n int) []int {
	var found []int
	for i, field := range m.fields {
		if len(found) < n && isNamed(field, "DKIM-Signature") {
			found = append(found, i)
		}
	}
	return found
}

func isNamed(field, name string) bool {
	said, _, _ := strings.Cut(field, ":")
	return strings.EqualFold(strings.TrimSpace(said), name)
}

func fieldValue(field string) string {
	_, value, _ := strings.Cut(field, ":")
	return strings.TrimSpace(value)
}

// verify verifies signature n alone: package dkim takes time that grows with the
// square of the body where it verifies several at once. The signature stands on
// top, below which there are at least those fields that it was made above.
func (m signedMail) verify(n int, lookup func(name string) ([]string, error)) (*dkim.Verification, error) {
	if len(m.fields[n]) > maxSignature {
		return nil, fmt.Errorf("it is larger than %d KiB", maxSignature>>10)
	}
	header := m.fields[n] + strings.Join(m.fields[:n], "") + strings.Join(m.fields[n+1:], "") + "\r\n"
	verified, err := dkim.VerifyWithOptions(io.MultiReader(strings.NewReader(header), bytes.NewReader(m.body)),
		&dkim.VerifyOptions{LookupTXT: lookup, MaxVerifications: 1})
	if err != nil && !errors.Is(err, dkim.ErrTooManySignatures) {
		return nil, err
	}
	if len(verified) != 1 {
		return nil, errors.New("it can't be read")
	}
	return verified[0], nil
}

// verifyAnyTime verifies signature n, whose tags are given, with its time set
// aside (RFC 6376 section 6.1.3), which package dkim can't. It is never enough
// to authenticate a mail.
func (m signedMail) verifyAnyTime(n int, tags map[string]string, k key) error {
	algorithm, hash, _ := strings.Cut(withoutSpace(tags["a"]), "-")
	public, err := k.public(algorithm)
	_, restricted := k["h"]
	_, partial := tags["l"]
	switch {
	case err != nil:
		return err
	case hash != "sha256", restricted && !k.lists("h", hash):
		return errors.New("inappropriate hash algorithm")
	case !k.serves():
		return errors.New("inappropriate service")
	case partial:
		return errors.New("message contains an insecure body length tag")
	}
	headerForm, bodyForm, _ := strings.Cut(withoutSpace(tags["c"]), "/")
	if !sameHash(hashBody(m.body, bodyForm == "relaxed"), tags["bh"]) {
		return errors.New("body hash did not verify")
	}
	signature, err := base64.StdEncoding.DecodeString(withoutSpace(tags["b"]))
	if err != nil || !isSigned(public, m.hashHeader(n, tags["h"], headerForm == "relaxed"), signature) {
		return errors.New("signature did not verify")
	}
	return nil
}

func sameHash(sum []byte, said string) bool {
	want, err := base64.StdEncoding.DecodeString(withoutSpace(said))
	return err == nil && bytes.Equal(sum, want)
}

func isSigned(public any, sum, signature []byte) bool {
	switch public := public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum, signature) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, sum, signature)
	}
	return false
}

var (
	signatureValue = regexp.MustCompile(`([;:]\s*b\s*=)[^;]*`)
	blanks         = regexp.MustCompile(`[ \t]+`)
)

// hashHeader returns the hash of the fields that names lists, from the bottom
// up, and of signature n (RFC 6376 sections 3.7 and 5.4.2).
func (m signedMail) hashHeader(n int, names string, relaxed bool) []byte {
	sum := sha256.New()
	picked := make(map[string]int)
	for name := range strings.SplitSeq(withoutSpace(names), ":") {
		name = strings.ToLower(name)
		i := len(m.fields) - 1
		if last, again := picked[name]; again {
			i = last - 1
		}
		for i >= 0 && (i == n || !isNamed(m.fields[i], name)) {
			i--
		}
		if picked[name] = i; i >= 0 {
			io.WriteString(sum, canonicalField(m.fields[i], relaxed))
		}
	}
	own := signatureValue.ReplaceAllString(m.fields[n], "$1")
	io.WriteString(sum, strings.TrimRight(canonicalField(own, relaxed), "\r\n"))
	return sum.Sum(nil)
}

// canonicalField returns a field in one of two forms (RFC 6376 sections 3.4.1
// and 3.4.2).
func canonicalField(field string, relaxed bool) string {
	if !relaxed {
		return field
	}
	name, value, _ := strings.Cut(strings.NewReplacer("\r", "", "\n", "").Replace(field), ":")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.Trim(blanks.ReplaceAllString(value, " "), " ") + "\r\n"
}

// hashBody returns the hash of a body in one of two forms (RFC 6376 sections
// 3.4.3 and 3.4.4), in which empty lines at its end don't count.
func hashBody(body []byte, relaxed bool) []byte {
	sum := sha256.New()
	out := bufio.NewWriter(sum)
	empty, lines := 0, 0
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		if relaxed && bytes.ContainsAny(line, " \t") {
			line = bytes.TrimRight(blanks.ReplaceAll(line, []byte(" ")), " ")
		}
		if len(line) == 0 {
			empty++
			continue
		}
		for ; empty > 0; empty-- {
			out.WriteString("\r\n")
		}
		out.Write(line)
		out.WriteString("\r\n")
		lines++
	}
	if lines == 0 && !relaxed {
		out.WriteString("\r\n")
	}
	out.Flush()
	return sum.Sum(nil)
}
