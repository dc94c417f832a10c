package mailreport

import "testing"

func TestMailsThatWerePassedOn(t *testing.T) {
	report := reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))
	for _, c := range []struct {
		name   string
		header string
		want   bool
	}{
		{"a mail that came straight was not", "Return-Path: <tls@reporter.example>\r\n", false},
		{"Resent-From says so", "Resent-From: <postmaster@example.com>\r\nResent-Date: Mon, 2 Mar 2026 00:00:00 +0000\r\n", true},
		{"Resent-To alone says so, too", "resent-to: <tlsrpt@example.net>\r\n", true},
		{"Resent-Message-ID alone says so, too", "Resent-Message-ID: <1@example.com>\r\n", true},
		{"a rewritten sender says so", "Return-Path: <SRS0=HHHH=TT=reporter.example=tls@forwarder.example>\r\n", true},
		{"a sender that was rewritten twice says so", "Return-Path: <SRS1=HHHH=forwarder.example==HHHH=TT=reporter.example=tls@other.example>\r\n", true},
		{"a rewritten sender has no case and other separators", "Return-Path: srs0+HHHH=TT=reporter.example=tls@forwarder.example\r\n", true},
		{"a folded Return-Path is read whole", "Return-Path:\r\n <SRS0=HHHH=TT=reporter.example=tls@forwarder.example>\r\n", true},
		{"an address that only starts like a rewritten one does not", "Return-Path: <srs0@reporter.example>\r\n", false},
		{"an address that holds a rewritten one further behind does not", "Return-Path: <a-SRS0=x@reporter.example>\r\n", false},
		{"X-Forwarded-To of Gmail says so", "X-Forwarded-To: tlsrpt@example.net\r\n", true},
		{"X-Forwarded-For of Gmail says so", "X-Forwarded-For: tlsrpt@example.com tlsrpt@example.net\r\n", true},
		{"ARC alone does not: Exchange Online adds it to every mail",
			"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=microsoft.com; s=x; b=x\r\nARC-Message-Signature: i=1; a=rsa-sha256; d=microsoft.com; s=x; h=From; bh=x; b=x\r\n" +
				"ARC-Authentication-Results: i=1; mx.microsoft.com 1; spf=pass; dkim=pass header.d=reporter.example\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Extract([]byte(c.header+report), "", true)
			if e.Redirected != c.want || len(e.Documents) != 1 {
				t.Errorf("Redirected = %t in %+v, want %t", e.Redirected, summarize(e), c.want)
			}
		})
	}
}

func TestOnlyTheOutermostHeaderSaysThatAMailWasPassedOn(t *testing.T) {
	report := "Resent-To: <tlsrpt@example.net>\r\n" + reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))
	if e := Extract([]byte(forwarded(1, report)), "", true); e.Redirected {
		t.Error("a mail inside the mail decides")
	}
	if e := Extract([]byte("X-Forwarded-To: a\r\n\r\nResent-To: b\r\n"), "x", false); e.Redirected {
		t.Error("a file that is no mail was passed on")
	}
}

// Row 37 of the table of reports as they really come.
func TestForwardedReportsAreKeptButNotBelieved(t *testing.T) {
	s := newSigner(t, "reporter.example")
	report := reportMail(attachment("application/tlsrpt+gzip", "x.gz", gzipped(reportJSON)))
	arc := "ARC-Seal: i=1; a=rsa-sha256; cv=none; d=forwarder.example; s=x; b=x\r\n" +
		"ARC-Authentication-Results: i=1; mx.example.com; dkim=pass header.d=reporter.example\r\n"
	broken := "Return-Path: <SRS0=HHHH=TT=reporter.example=tls@forwarder.example>\r\n" + arc + s.sign(t, report) + "-- \r\nA list's footer\r\n"
	own := "Authentication-Results: mx.example.com; dkim=pass header.d=reporter.example\r\n"
	for _, c := range []struct {
		name  string
		mode  Mode
		mail  string
		trust string
	}{
		{"row 37: a broken signature", ModeDKIM, broken, Unauthenticated},
		{"row 37: ARC is not believed", ModeHeaders, broken, Unauthenticated},
		{"row 37: one's own server is not asked for where signatures are verified", ModeDKIM, own + broken, Unauthenticated},
		{"row 37: one's own server is believed", ModeHeaders, own + broken, Authenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := Extract([]byte(c.mail), "", true)
			if len(e.Documents) != 1 || e.Documents[0].Problem != nil || !e.Redirected {
				t.Errorf("the report is not kept as one that was passed on: %+v", summarize(e))
			}
			dns := &zone{answers: map[string]any{s.name(): s.record("")}}
			if v := NewAuthenticator(c.mode, "mx.example.com", dns).Judge(t.Context(), []byte(c.mail)); v.Trust != c.trust {
				t.Errorf("got %+v, want %s", v, c.trust)
			}
		})
	}
}
