package tlsrpt

// The policy types of RFC 8460 section 4.4.
const (
	PolicySTS      = "sts"
	PolicyTLSA     = "tlsa"
	PolicyNotFound = "no-policy-found"
)

// A DetailKey holds what tells one failure detail from another in every sum:
// the fields of a [FailureDetail] that are dimensions. It is comparable.
type DetailKey struct {
	ResultType          string
	Reason              string
	ReceivingMXHostname string
	ReceivingIP         string
	SendingMTAIP        string
}

// Key returns the fields by which the detail is summed.
func (d *FailureDetail) Key() DetailKey {
	return DetailKey{
		ResultType:          d.ResultType,
		Reason:              d.Reason,
		ReceivingMXHostname: d.ReceivingMXHostname,
		ReceivingIP:         d.ReceivingIP,
		SendingMTAIP:        d.SendingMTAIP,
	}
}

// An Overlap is what one report says twice of one domain, under an sts and
// under a tlsa policy. Distinct sessions are those reported less the overlap.
type Overlap struct {
	// Total and Failed are sessions counted twice; Failed are among Total.
	Total, Failed int64
	// Details are failed sessions counted twice by failure detail.
	Details map[DetailKey]int64
}

// side sums the policies of one type of one domain.
type side struct {
	present       bool
	total, failed int64
	details       map[DetailKey]int64
}

func (s *side) add(p *Policy) {
	s.present = true
	s.total += p.Successful + p.Failed
	s.failed += p.Failed
	for i := range p.Details {
		if s.details == nil {
			s.details = make(map[DetailKey]int64, len(p.Details))
		}
		s.details[p.Details[i].Key()] += p.Details[i].FailedSessions
	}
}

// Overlaps returns by policy domain what the report says twice. Where sts and
// tlsa policies of a domain have equal session totals, or the reporter is known
// to report each session under both, the overlap is the smaller of the two.
// Domains without an overlap are not in the map.
func (r *Report) Overlaps() map[string]Overlap {
	if !r.hasBothTypes() {
		return nil
	}
	type sides struct{ sts, tlsa side }
	domains := make(map[string]*sides)
	for i := range r.Policies {
		p := &r.Policies[i]
		if p.Type != PolicySTS && p.Type != PolicyTLSA {
			continue
		}
		s := domains[p.Domain]
		if s == nil {
			s = new(sides)
			domains[p.Domain] = s
		}
		if p.Type == PolicySTS {
			s.sts.add(p)
		} else {
			s.tlsa.add(p)
		}
	}
	overlaps := make(map[string]Overlap)
	for domain, s := range domains {
		if !s.sts.present || !s.tlsa.present {
			continue
		}
		if s.sts.total != s.tlsa.total && !r.reportsTwice() {
			continue
		}
		if o := smaller(&s.sts, &s.tlsa); o.Total > 0 || len(o.Details) > 0 {
			overlaps[domain] = o
		}
	}
	return overlaps
}

// hasBothTypes spares the sums for the many reports of one policy.
func (r *Report) hasBothTypes() bool {
	var sts, tlsa bool
	for i := range r.Policies {
		sts = sts || r.Policies[i].Type == PolicySTS
		tlsa = tlsa || r.Policies[i].Type == PolicyTLSA
	}
	return sts && tlsa
}

// reportsTwice tells whether the reporter is one that counts every session
// under each policy that applies.
func (r *Report) reportsTwice() bool {
	known, _ := KnownReporter(r.Reporter)
	return known.ReportsTwice
}

func smaller(a, b *side) Overlap {
	o := Overlap{Total: min(a.total, b.total), Failed: min(a.failed, b.failed)}
	for key, n := range a.details {
		if twice := min(n, b.details[key]); twice > 0 {
			if o.Details == nil {
				o.Details = make(map[DetailKey]int64)
			}
			o.Details[key] = twice
		}
	}
	return o
}
