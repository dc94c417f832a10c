package tlsrpt

// finish fills in what only the whole document, or the hints, can tell.
func (d *decoder) finish() error {
	d.inferReporter()
	if d.report.ContactInfo == "" {
		d.warn(WarnMissingContact, "contact-info is missing")
	}
	if d.report.ReportID == "" {
		d.warn(WarnMissingReportID, "report-id is missing")
	}
	if err := d.finishPeriod(); err != nil {
		return err
	}
	if err := d.finishPolicies(); err != nil {
		return err
	}
	d.report.Warnings = d.all()
	return nil
}

// inferReporter names the reporter: RFC 8460 wants an organization-name, and
// not every report has one.
func (d *decoder) inferReporter() {
	r := d.report
	if r.Reporter = r.OrganizationName; r.Reporter != "" {
		return
	}
	for _, candidate := range []struct{ name, from string }{
		{d.hints.Submitter, "the TLS-Report-Submitter header"},
		{d.hints.FromDomain, "the From header"},
		{parseFileName(d.hints.FileName).submitter, "the file name"},
	} {
		if r.Reporter = Clean(candidate.name, MaxID); r.Reporter != "" {
			d.warn(WarnInferredReporter, "organization-name is missing; %s is from %s", shown(r.Reporter), candidate.from)
			return
		}
	}
	r.Reporter = "unknown"
	d.warn(WarnInferredReporter, "organization-name is missing, and nothing else names the reporter")
}

func (d *decoder) finishPolicies() error {
	r := d.report
	if len(r.Policies) == 0 {
		return &Error{Reason: ReasonNoPolicies, Sentence: "The report's list of policies is empty."}
	}
	kept := r.Policies[:0]
	invalid := ""
	for i := range r.Policies {
		p := r.Policies[i]
		said := p.Domain
		if !d.finishDomain(&p) {
			d.warn(WarnInvalidDomain, "a policy was left out: its policy-domain %s is no host name", shown(said))
			invalid = said
			continue
		}
		d.finishPolicy(&p)
		kept = append(kept, p)
	}
	r.Policies = kept
	if len(kept) > 0 {
		return nil
	}
	if invalid == "" {
		return &Error{Reason: ReasonInvalidDomain, Sentence: "The report has no policy-domain, and neither headers, file name nor report-id name one."}
	}
	return &Error{Reason: ReasonInvalidDomain, Sentence: "The policy-domain " + shown(invalid) + " is no host name."}
}

// finishDomain normalizes the policy's domain, or infers it where it is missing.
func (d *decoder) finishDomain(p *Policy) bool {
	if p.Domain != "" {
		var ok bool
		p.Domain, ok = NormalizeDomain(p.Domain)
		return ok
	}
	for _, candidate := range []struct{ name, from string }{
		{d.hints.ReportDomain, "the TLS-Report-Domain header"},
		{parseFileName(d.hints.FileName).domain, "the file name"},
		{domainOfReportID(d.report.ReportID), "the report-id"},
	} {
		if domain, ok := NormalizeDomain(candidate.name); ok {
			p.Domain = domain
			d.warn(WarnInferredDomain, "policy-domain is missing; %s is from %s", shown(domain), candidate.from)
			return true
		}
	}
	return false
}

func (d *decoder) finishPolicy(p *Policy) {
	if p.Type == "" {
		p.Type = inferPolicyType(p.Strings)
		d.warn(WarnMissingPolicyType, "a policy of %s has no policy-type", shown(p.Domain))
	}
	if p.Type == PolicySTS {
		p.Mode = policyMode(p.Strings)
	}
	if len(p.Details) == 0 {
		return
	}
	var sum int64
	for i := range p.Details {
		sum += p.Details[i].FailedSessions
	}
	if sum != p.Failed {
		d.warn(WarnDetailsDiffer, "the failure details of %s (%s) add up to %d sessions, its summary says %d", shown(p.Domain), shown(p.Type), sum, p.Failed)
	}
}
