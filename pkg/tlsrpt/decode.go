package tlsrpt

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Decode reads one report (RFC 8460 section 4) from r, at most [MaxDocument]
// bytes. What reporters are known to do wrong is tolerated, with a warning in
// the report; hints fill in what the document leaves out. A document that
// can't be used is a [*Error]; other errors are those of r.
func Decode(r io.Reader, hints Hints) (*Report, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	return DecodeBytes(data, hints)
}

// DecodeBytes is [Decode] for a document in memory. It keeps no part of data,
// and every error is a [*Error].
func DecodeBytes(data []byte, hints Hints) (*Report, error) {
	if len(data) > MaxDocument {
		return nil, &Error{Reason: ReasonTooLarge, Sentence: fmt.Sprintf("The document is larger than %d MiB.", MaxDocument>>20)}
	}
	d := decoder{hints: hints, report: new(Report)}
	data, err := d.utf8(data)
	if err != nil {
		return nil, err
	}
	d.dec = jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if err := d.document(); err != nil {
		return nil, typed(err)
	}
	if len(bytes.TrimSpace(data[d.dec.InputOffset():])) > 0 {
		d.warn(WarnTrailingData, "something follows the report; it is ignored")
	}
	if err := d.finish(); err != nil {
		return nil, err
	}
	return d.report, nil
}

// A decoder reads one document in one pass over its tokens.
type decoder struct {
	warner
	dec    *jsontext.Decoder
	hints  Hints
	report *Report

	// start and end are the date-range as said.
	start, end string
	// keys are the keys of the outermost object, for documents of another kind.
	keys []string
	// What was read so far, over all policies.
	policies, details, lines int
	// reasons spares normalizing the same reason code again.
	reasons     map[string]string
	reasonBytes int
	// text is room for unquoting.
	text []byte
}

// utf8 returns data without a byte order mark.
func (d *decoder) utf8(data []byte) ([]byte, error) {
	if rest, ok := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); ok {
		d.warn(WarnByteOrderMark, "the document starts with a byte order mark")
		return rest, nil
	}
	head := data[:min(len(data), 4)]
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) || bytes.IndexByte(head, 0) >= 0 {
		return nil, &Error{Reason: ReasonEncoding, Sentence: "The document is in UTF-16 or UTF-32; JSON has to be UTF-8 (RFC 8259 section 8.1)."}
	}
	return data, nil
}

// typed turns errors of the JSON decoder into an [*Error].
func typed(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	sentence := "The document is no JSON."
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		sentence = "The document ends in the middle of its JSON."
	case errors.Is(err, io.EOF):
		sentence = "The document is empty."
	case errors.As(err, &syntactic):
		sentence = fmt.Sprintf("The document is no JSON from byte %d on.", syntactic.ByteOffset)
	}
	return &Error{Reason: ReasonInvalidJSON, Sentence: sentence, Err: err}
}

// document reads the outermost object (RFC 8460 section 4.4).
func (d *decoder) document() error {
	if kind := d.dec.PeekKind(); kind != '{' {
		if err := d.skip(); err != nil {
			return err
		}
		return &Error{Reason: ReasonNotRFC8460, Sentence: fmt.Sprintf("The document is JSON, but %s and not an object.", kindName(kind))}
	}
	seen, err := d.object(d.reportField)
	if err != nil {
		return err
	}
	if !seen.has(fieldPolicies) {
		return &Error{Reason: ReasonNotRFC8460, Sentence: "The document has no policies, so it is no TLS report (RFC 8460 section 4.4). Its keys are: " + d.namedKeys() + "."}
	}
	return nil
}

func (d *decoder) namedKeys() string {
	if len(d.keys) == 0 {
		return "none"
	}
	return strings.Join(d.keys, ", ")
}

func (d *decoder) reportField(f field, key []byte) (err error) {
	if len(d.keys) < maxNamedKeys {
		name, _ := cleanText(key, 60)
		d.keys = append(d.keys, name)
	}
	switch f {
	case fieldOrganizationName:
		d.report.OrganizationName, err = d.readText("organization-name", MaxID)
	case fieldContactInfo:
		d.report.ContactInfo, err = d.readText("contact-info", MaxText)
	case fieldReportID:
		d.report.ReportID, err = d.readText("report-id", MaxID)
	case fieldDateRange:
		d.start, d.end = "", ""
		if d.dec.PeekKind() != '{' {
			return d.unexpected("date-range")
		}
		_, err = d.object(d.dateRangeField)
	case fieldPolicies:
		d.report.Policies = d.report.Policies[:0]
		err = d.each("policies", d.readPolicy)
	default:
		err = d.skip()
	}
	return err
}

func (d *decoder) dateRangeField(f field, _ []byte) (err error) {
	switch f {
	case fieldStart:
		d.start, err = d.readText("start-datetime", MaxID)
	case fieldEnd:
		d.end, err = d.readText("end-datetime", MaxID)
	default:
		err = d.skip()
	}
	return err
}

// readPolicy reads one element of policies.
func (d *decoder) readPolicy() error {
	if d.policies++; d.policies > MaxPolicies {
		return &Error{Reason: ReasonTooMany, Sentence: fmt.Sprintf("The report has more than %d policies.", MaxPolicies)}
	}
	var p Policy
	seen, err := d.object(func(f field, _ []byte) error {
		switch f {
		case fieldPolicy:
			p.Type, p.Domain, p.Strings, p.MXHosts = "", "", nil, nil
			if d.dec.PeekKind() != '{' {
				return d.unexpected("policy")
			}
			_, err := d.object(func(f field, _ []byte) error { return d.policyField(&p, f) })
			return err
		case fieldSummary:
			p.Successful, p.Failed = 0, 0
			if d.dec.PeekKind() != '{' {
				return d.unexpected("summary")
			}
			_, err := d.object(func(f field, _ []byte) error { return d.summaryField(&p, f) })
			return err
		case fieldDetails:
			p.Details = p.Details[:0]
			return d.each("failure-details", func() error { return d.readDetail(&p) })
		}
		return d.skip()
	})
	if err != nil {
		return err
	}
	if !seen.has(fieldSummary) {
		d.warn(WarnMissingSummary, "a policy of %s has no summary; its sessions count as none", shown(p.Domain))
	}
	d.report.Policies = append(d.report.Policies, p)
	return nil
}

func (d *decoder) policyField(p *Policy, f field) (err error) {
	switch f {
	case fieldPolicyType:
		p.Type, err = d.readText("policy-type", MaxID)
		p.Type = strings.ToLower(p.Type)
	case fieldPolicyDomain:
		p.Domain, err = d.readText("policy-domain", MaxID)
	case fieldPolicyString:
		p.Strings, err = d.readLines("policy-string", nil)
	case fieldMXHost:
		p.MXHosts, err = d.readLines("mx-host", normalizeMXPattern)
	default:
		err = d.skip()
	}
	return err
}

func (d *decoder) summaryField(p *Policy, f field) (err error) {
	switch f {
	case fieldSuccessful:
		p.Successful, err = d.readCount("total-successful-session-count")
	case fieldFailed:
		p.Failed, err = d.readCount("total-failure-session-count")
	default:
		err = d.skip()
	}
	return err
}

// readDetail reads one element of failure-details. An empty object is none.
func (d *decoder) readDetail(p *Policy) error {
	var detail FailureDetail
	seen, err := d.object(func(f field, _ []byte) error { return d.detailField(&detail, f) })
	if err != nil || seen == 0 {
		return err
	}
	if d.details++; d.details > MaxDetails {
		return &Error{Reason: ReasonTooMany, Sentence: fmt.Sprintf("The report has more than %d failure details.", MaxDetails)}
	}
	p.Details = append(p.Details, detail)
	return nil
}

func (d *decoder) detailField(detail *FailureDetail, f field) (err error) {
	switch f {
	case fieldResultType:
		detail.ResultType, err = d.readText("result-type", MaxID)
		detail.ResultType = strings.ToLower(detail.ResultType)
	case fieldSendingMTAIP:
		detail.SendingMTAIP, err = d.readAddress("sending-mta-ip")
	case fieldReceivingIP:
		detail.ReceivingIP, err = d.readAddress("receiving-ip")
	case fieldReceivingMXHostname:
		detail.ReceivingMXHostname, err = d.readText("receiving-mx-hostname", MaxHost)
		detail.ReceivingMXHostname = normalizeHost(detail.ReceivingMXHostname)
	case fieldReceivingMXHelo:
		detail.ReceivingMXHelo, err = d.readFirstLine("receiving-mx-helo", MaxHost)
	case fieldFailedSessions:
		detail.FailedSessions, err = d.readCount("failed-session-count")
	case fieldAdditionalInformation:
		detail.AdditionalInformation, err = d.readText("additional-information", MaxText)
	case fieldReasonCode:
		detail.ReasonCode, err = d.readText("failure-reason-code", MaxText)
		detail.Reason = d.normalizeReason(detail.ReasonCode)
	default:
		err = d.skip()
	}
	return err
}

// normalizeReason remembers results, since reports repeat a few reasons many
// times, and bounds what is spent on a report that never repeats one.
func (d *decoder) normalizeReason(code string) string {
	if reason, ok := d.reasons[code]; ok {
		return reason
	}
	if d.reasonBytes += len(code); d.reasonBytes > maxReasonBytes {
		return coarseReason(code)
	}
	if d.reasons == nil {
		d.reasons = make(map[string]string)
	}
	reason := NormalizeReason(code)
	d.reasons[code] = reason
	return reason
}
