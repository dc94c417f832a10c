package mailreport

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-message/textproto"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// message walks a whole mail, or one inside a mail, whose hints are outer.
func (x *extractor) message(raw []byte, outer tlsrpt.Hints, depth int) {
	header, body := splitHeader(fromHeader(raw))
	if depth == 0 {
		x.redirected = isRedirected(header)
	}
	hints := tlsrpt.Hints{
		ReportDomain: headerText(header, "TLS-Report-Domain"),
		Submitter:    headerText(header, "TLS-Report-Submitter"),
		FromDomain:   firstFromDomain(header),
	}
	announced := hints.ReportDomain != "" || hints.Submitter != ""
	if hints.ReportDomain == "" {
		hints.ReportDomain = outer.ReportDomain
	}
	if hints.Submitter == "" {
		hints.Submitter = outer.Submitter
	}
	if hints.FromDomain == "" {
		hints.FromDomain = outer.FromDomain
	}
	x.entity(entity{header: header, body: body, hints: hints, forwarded: depth > 0, announced: announced}, depth)
}

// An entity is a mail or a part of one, before its encoding is taken off.
type entity struct {
	header    message.Header
	body      []byte
	hints     tlsrpt.Hints
	forwarded bool
	announced bool
}

// entity walks a mail's or a part's body, depth levels below the outermost mail.
func (x *extractor) entity(e entity, depth int) {
	if depth > MaxMIMEDepth {
		x.stop(ReasonTooDeep, fmt.Sprintf("The mail nests parts deeper than %d levels.", MaxMIMEDepth))
		return
	}
	if x.parts++; x.parts > MaxParts+1 {
		x.stop(ReasonTooMany, fmt.Sprintf("The mail has more than %d parts.", MaxParts))
		return
	}
	mediaType, params := contentType(e.header)
	reportType := strings.ToLower(params["report-type"])
	if isBounce(reportType) {
		return
	}
	e.announced = e.announced || reportType == "tlsrpt" || strings.HasPrefix(mediaType, "application/tlsrpt")
	x.announced = x.announced || e.announced
	if strings.HasPrefix(mediaType, "multipart/") {
		if boundary := findBoundary(params["boundary"], e.body); boundary != "" {
			x.multipart(e, boundary, depth)
			return
		}
	}
	x.leaf(e, mediaType, params, depth)
}

func (x *extractor) multipart(e entity, boundary string, depth int) {
	for raw := range partsOf(e.body, boundary) {
		if x.problem != nil {
			return
		}
		header, body := splitHeader(raw)
		x.entity(entity{header: header, body: body, hints: e.hints, forwarded: e.forwarded, announced: e.announced}, depth+1)
	}
}

// leaf takes a part that is no multipart: a mail in the mail, or content.
func (x *extractor) leaf(e entity, mediaType string, params map[string]string, depth int) {
	content := decodeTransfer(e.header.Get("Content-Transfer-Encoding"), e.body)
	if mediaType == "message/rfc822" || mediaType == "message/global" || depth > 0 && looksLikeMail(content) {
		x.message(content, e.hints, depth+1)
		return
	}
	name := partName(e.header, params)
	announced := e.announced || tlsrpt.IsReportFileName(name)
	p := part{
		content:     decodeCharset(params["charset"], content),
		hints:       e.hints,
		forwarded:   e.forwarded,
		announced:   announced,
		mayBeReport: announced || namedAsJSON(name),
		runningText: name == "" && (mediaType == "" || strings.HasPrefix(mediaType, "text/")),
	}
	p.hints.FileName = name
	x.announced = x.announced || p.announced
	x.part(p)
}

// isBounce tells reports about the way of mails (RFC 3464, RFC 8098, RFC
// 5965). A TLS report inside one is a mail that someone here sent.
func isBounce(reportType string) bool {
	return reportType == "delivery-status" || reportType == "disposition-notification" || reportType == "feedback-report"
}

// maxHeader is how many bytes of a header are looked at.
const maxHeader = 1 << 20

// cutHeader cuts a mail or part at the first empty line.
func cutHeader(raw []byte) (header, body []byte) {
	end := 0
	for line := range bytes.Lines(raw) {
		if len(bytes.TrimRight(line, "\r\n")) == 0 {
			return raw[:end], raw[end+len(line):]
		}
		end += len(line)
	}
	return raw, nil
}

// splitHeader parses the header of a mail or part. Lines that are no header
// field are passed over, so that a fault costs no report; where no line is one,
// everything is body.
func splitHeader(raw []byte) (message.Header, []byte) {
	head, body := cutHeader(raw)
	var fields []byte
	inField := false
	for line := range bytes.Lines(head) {
		line = bytes.TrimRight(line, "\r\n")
		_, isField := fieldName(line)
		inField = isField || inField && (line[0] == ' ' || line[0] == '\t')
		if inField && len(fields)+len(line) < maxHeader {
			fields = append(append(fields, line...), "\r\n"...)
		}
	}
	if len(fields) == 0 {
		return message.Header{}, bytes.TrimPrefix(bytes.TrimPrefix(raw, []byte("\r")), []byte("\n"))
	}
	fields = append(fields, "\r\n"...)
	header, err := textproto.ReadHeader(bufio.NewReader(bytes.NewReader(fields)))
	if err != nil {
		return message.Header{}, raw
	}
	return message.Header{Header: header}, body
}

// headerText returns a header field as text that may be shown.
func headerText(h message.Header, name string) string {
	text, err := h.Text(name)
	if err != nil {
		text = h.Get(name)
	}
	return tlsrpt.Clean(text, tlsrpt.MaxID)
}

var (
	looseParameter = regexp.MustCompile(`(?i)\b(boundary|report-type|name|filename|charset)\*?\s*=\s*(?:"([^"]*)"|([^\s;"]+))`)
	looseAddress   = regexp.MustCompile(`@([^\s<>@,;"()]+)`)
)

// contentType returns a part's media type and parameters, in lower case, also
// where the field is faulty.
func contentType(h message.Header) (mediaType string, params map[string]string) {
	mediaType, params, err := h.ContentType()
	if err == nil {
		return mediaType, params
	}
	raw := h.Get("Content-Type")
	mediaType, _, _ = strings.Cut(raw, ";")
	return strings.ToLower(strings.TrimSpace(mediaType)), looseParameters(raw)
}

func looseParameters(field string) map[string]string {
	params := make(map[string]string)
	for _, m := range looseParameter.FindAllStringSubmatch(field, -1) {
		params[strings.ToLower(m[1])] = m[2] + m[3]
	}
	return params
}

// partName returns the file name of a part: that of Content-Disposition (RFC
// 2183), else the name in Content-Type.
func partName(h message.Header, params map[string]string) string {
	name := params["name"]
	if _, disposition, err := h.ContentDisposition(); err == nil && disposition["filename"] != "" {
		name = disposition["filename"]
	} else if err != nil {
		if loose := looseParameters(h.Get("Content-Disposition"))["filename"]; loose != "" {
			name = loose
		}
	}
	return baseName(name)
}

// fromDomains returns the domains of the addresses in all From fields, one that
// repeats once, and an empty string for what is no domain.
func fromDomains(h message.Header) []string {
	var domains []string
	add := func(address string) {
		domain, ok := tlsrpt.NormalizeDomain(address[strings.LastIndexByte(address, '@')+1:])
		if !ok {
			domain = ""
		}
		if len(domains) == 0 || domains[len(domains)-1] != domain {
			domains = append(domains, domain)
		}
	}
	for fields := h.FieldsByKey("From"); fields.Next(); {
		var one mail.Header
		one.Add("From", fields.Value())
		addresses, err := one.AddressList("From")
		if err != nil {
			for _, m := range looseAddress.FindAllStringSubmatch(fields.Value(), -1) {
				add(m[1])
			}
			continue
		}
		for _, address := range addresses {
			add(address.Address)
		}
	}
	return domains
}

func firstFromDomain(h message.Header) string {
	for _, domain := range fromDomains(h) {
		if domain != "" {
			return domain
		}
	}
	return ""
}
