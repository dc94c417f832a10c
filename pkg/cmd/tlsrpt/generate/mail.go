package generate

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"mime/quotedprintable"
	"strings"
	"time"
)

// AuthservID names the receiving server in Authentication-Results (RFC 8601).
const AuthservID = "mx.tlsrpt.example"

// mailbox is the address in the rua of every domain here.
const mailbox = "tlsrpt@tlsrpt.example"

// A wrapping is how a reporter puts its document into a mail.
type wrapping struct {
	// multipart is a multipart/report with a text in front; else the document
	// is the whole body.
	multipart bool
	// label is the Content-Type, right or not.
	label string
	// compress is gzip, zip or empty.
	compress string
	// encoding is the Content-Transfer-Encoding.
	encoding string
	// named tells a file name.
	named bool
	// foldedSubject breaks the subject in two lines.
	foldedSubject bool
}

// A letter is what every mail here has in common.
type letter struct {
	entry             *Entry
	from, to, subject string
	// envelope is the domain of the envelope sender, signer the d= of a valid
	// signature; empty without one.
	envelope, signer string
	// extra are further header lines, each with its line end (LF).
	extra string
	// ownResults is an Authentication-Results line that the sender wrote.
	ownResults string
	body       string // with its Content headers in front, LF or CRLF
}

// bytes puts the letter together as the receiving server leaves it: what that
// server knows stands above what the sender wrote.
func (l letter) bytes(rng *rand.Rand) []byte {
	var b strings.Builder
	received := l.entry.Received.UTC().Format(time.RFC1123Z)
	id := fmt.Sprintf("%012x", rng.Uint64()>>16)
	fmt.Fprintf(&b, "Return-Path: <bounces@%s>\n", l.envelope)
	fmt.Fprintf(&b, "Delivered-To: %s\n", mailbox)
	dkim := "dkim=none"
	if l.signer != "" {
		dkim = fmt.Sprintf("dkim=pass header.d=%s header.i=@%s header.s=s1", l.signer, l.signer)
	}
	fmt.Fprintf(&b, "Authentication-Results: %s;\n\t%s;\n\tspf=pass smtp.mailfrom=%s\n", AuthservID, dkim, l.envelope)
	fmt.Fprintf(&b, "Received: from out%d.%s (out.%s [192.0.2.%d])\n\tby %s (Postfix) with ESMTPS id %s\n\tfor <%s>; %s\n",
		1+rng.IntN(4), l.envelope, l.envelope, 10+rng.IntN(200), AuthservID, id, mailbox, received)
	b.WriteString(l.ownResults)
	fmt.Fprintf(&b, "Date: %s\n", l.entry.Received.Add(-time.Duration(1+rng.IntN(9))*time.Second).UTC().Format(time.RFC1123Z))
	fmt.Fprintf(&b, "From: %s\nTo: %s\nSubject: %s\nMessage-ID: <%s@%s>\nMIME-Version: 1.0\n%s",
		l.from, l.to, l.subject, id, l.envelope, l.extra)
	b.WriteString(l.body)
	return []byte(crlf(strings.ReplaceAll(b.String(), "\r\n", "\n")))
}

// reportMail wraps a document by RFC 8460 section 5.3, more or less.
func (out *renderer) reportMail(p plan, e *Entry, document []byte, rng *rand.Rand) []byte {
	r, w := p.reporter, p.reporter.wrap
	l := letter{
		entry: e, from: r.from, to: mailbox,
		envelope: r.domain, signer: r.domain,
		extra: fmt.Sprintf("TLS-Report-Domain: %s\nTLS-Report-Submitter: %s\n", p.domain.name, r.domain),
	}
	if e.Decoy == Forged {
		l.from = "tls-reports@" + forgerDomain
		l.envelope, l.signer = forgerDomain, ""
		l.ownResults = fmt.Sprintf("Authentication-Results: %s; dkim=pass header.d=%s\n", AuthservID, r.domain)
	}
	fold := " "
	if w.foldedSubject {
		fold = "\n\t"
	}
	l.subject = fmt.Sprintf("Report Domain: %s Submitter: %s%sReport-ID: <%s>", p.domain.name, r.domain, fold,
		strings.Trim(e.ReportID, "<>"))
	part := out.attachment(w, e, document)
	if !w.multipart {
		l.body = part
		return l.bytes(rng)
	}
	boundary := fmt.Sprintf("=_tlsrpt_%016x", rng.Uint64())
	l.body = fmt.Sprintf("Content-Type: multipart/report; report-type=tlsrpt;\n\tboundary=\"%s\"\n\n", boundary) +
		"--" + boundary + "\nContent-Type: text/plain; charset=utf-8\n\n" +
		fmt.Sprintf("Aggregate report by %s on the TLS of mail to %s.\n\n", r.organization, p.domain.name) +
		"--" + boundary + "\n" + part + "\n--" + boundary + "--\n"
	return l.bytes(rng)
}

// attachment returns the part with its headers.
func (out *renderer) attachment(w wrapping, e *Entry, document []byte) string {
	name, content := plainName(e), document
	switch w.compress {
	case "gzip":
		name, content = name+".gz", out.gzipped(document)
	case "zip":
		name, content = strings.TrimSuffix(name, ".json")+".zip", zipped(name, document, e)
	}
	var b strings.Builder
	if w.named {
		fmt.Fprintf(&b, "Content-Type: %s;\n\tname=\"%s\"\nContent-Disposition: attachment;\n\tfilename=\"%s\"\n", w.label, name, name)
	} else {
		fmt.Fprintf(&b, "Content-Type: %s\n", w.label)
	}
	fmt.Fprintf(&b, "Content-Transfer-Encoding: %s\n\n%s", w.encoding, encode(w.encoding, content))
	return b.String()
}

// encode applies a Content-Transfer-Encoding (RFC 2045 section 6).
func encode(encoding string, content []byte) string {
	var b bytes.Buffer
	if encoding == "quoted-printable" {
		w := quotedprintable.NewWriter(&b)
		w.Binary = true // line ends come out as they went in
		mustWrite(w.Write(content))
		mustClose(w)
		return b.String()
	}
	const line = 57 // 76 characters of base64
	for len(content) > 0 {
		n := min(line, len(content))
		b.WriteString(base64.StdEncoding.EncodeToString(content[:n]))
		b.WriteByte('\n')
		content = content[n:]
	}
	return b.String()
}

// dmarcMail makes an aggregate report of another kind (RFC 7489 section 7.2).
func (out *renderer) dmarcMail(e *Entry, rng *rand.Rand) []byte {
	name := fmt.Sprintf("google.com!%s!%d!%d", DomainEnforce, e.Start.Unix(), e.End.Unix()-1)
	content := fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<feedback>
  <report_metadata><org_name>google.com</org_name><report_id>%d</report_id>
    <date_range><begin>%d</begin><end>%d</end></date_range></report_metadata>
  <policy_published><domain>%s</domain><p>reject</p></policy_published>
  <record><row><source_ip>192.0.2.25</source_ip><count>%d</count></row></record>
</feedback>
`, rng.Uint64(), e.Start.Unix(), e.End.Unix()-1, DomainEnforce, 1+rng.IntN(40))
	return letter{
		entry: e, from: "noreply-dmarc-support@google.com", to: mailbox,
		subject:  fmt.Sprintf("Report domain: %s Submitter: google.com Report-ID: %d", DomainEnforce, rng.Uint64()),
		envelope: "google.com", signer: "google.com",
		body: fmt.Sprintf("Content-Type: application/zip; name=\"%s.zip\"\nContent-Disposition: attachment; filename=\"%s.zip\"\n"+
			"Content-Transfer-Encoding: base64\n\n%s", name, name, encode("base64", zipped(name+".xml", []byte(content), e))),
	}.bytes(rng)
}

var personalTexts = []struct{ subject, body string }{
	{"TLS reports?", "Hello,\n\nsince Monday we get reports on our own reports. Is that meant to be?\n\nThanks\nJo\n"},
	{"Re: certificate on mx2", "Renewed this morning, thank you for the hint.\nFrom now on a timer does it.\n\nBest\nRobin\n"},
	{"Lunch on Thursday", "The usual place at noon?\n"},
}

// personalMail makes a mail from a person who knows the address.
func personalMail(e *Entry, rng *rand.Rand) []byte {
	text := personalTexts[rng.IntN(len(personalTexts))]
	return letter{
		entry: e, from: "Jo Doe <jo@people.example>", to: mailbox,
		subject: text.subject, envelope: "people.example", signer: "people.example",
		body: "Content-Type: text/plain; charset=utf-8\n\n" + text.body,
	}.bytes(rng)
}
