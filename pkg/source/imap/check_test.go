package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

const secret = "s3cr3t-passw0rd"

func TestCheckSaysWhatItFound(t *testing.T) {
	c := mailbox(t)
	c.Folders = []string{"INBOX", "Reports"}
	fill(t, dovecot, c.Username, "INBOX", "report", 1234)
	fill(t, dovecot, c.Username, "Reports", "report", 1)
	tests := []struct {
		name   string
		change func(*Config)
	}{
		{"over TLS", func(*Config) {}},
		{"over STARTTLS", func(c *Config) { c.Security, c.Port = StartTLS, dovecot.Port }},
		{"without TLS on loopback", func(c *Config) { c.Security, c.Port = NoTLS, dovecot.Port }},
		{"by another name in the certificate", func(c *Config) { c.TLSServerName = "localhost" }},
		{"through a dialer", func(c *Config) { c.Dialer = &net.Dialer{} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := c
			tt.change(&c)
			sentence, err := open(t, c).Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := "Connected to 127.0.0.1, INBOX holds 1,234 messages, Reports holds 1 message."; sentence != want {
				t.Errorf("check says %q, want %q", sentence, want)
			}
		})
	}
}

func TestCheckNamesTheSettingThatIsWrong(t *testing.T) {
	good := mailbox(t)
	fill(t, dovecot, good.Username, "Reports", "report", 1)
	other, err := loopback.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	plain := ownDovecot(t, loopback.DovecotOptions{Config: "imap_capability = IMAP4rev1"})
	tests := []struct {
		name      string
		setting   string
		words     string
		permanent bool
		change    func(*Config)
	}{
		{"a host that does not exist", "host", "not found", false, func(c *Config) { c.Host = "imap.example.invalid" }},
		{"a port that nothing listens on", "port", "refuses connections", false, func(c *Config) { c.Port = closedPort(t) }},
		{"a CA that is not known", "tlsCaCert", "not known", false, func(c *Config) { c.TLSCACert = "" }},
		{"another CA", "tlsCaCert", "not issued by the CA", false, func(c *Config) { c.TLSCACert = other.PEM() }},
		{"a name that is not in the certificate", "tlsServerName", "localhost", false, func(c *Config) { c.TLSServerName = "mx.example.com" }},
		{"tls on the plaintext port", "security", "starttls", false, func(c *Config) { c.Port = dovecot.Port }},
		{"starttls on the TLS port", "security", "choose tls", false, func(c *Config) { c.Security, c.Timeout = StartTLS, 300*time.Millisecond }},
		{"none on the TLS port", "security", "choose tls", false, func(c *Config) { c.Security, c.Timeout = NoTLS, 300*time.Millisecond }},
		{"a wrong password", "password", "does not accept this password", true, func(c *Config) { c.Password = secret }},
		{"a password that is not ASCII", "password", "does not accept this password", true, func(c *Config) { c.Password = secret + "ü" }},
		{"a folder that is not there", "folders", "similar ones are Reports", false, func(c *Config) { c.Folders = []string{"INBOX/Reports"} }},
		{"a folder to move to that is not there", "moveTo", "no folder Done", false, func(c *Config) { c.AfterProcessing, c.MoveTo = Move, "Done" }},
		{"delete without UIDPLUS", "afterProcessing", "UIDPLUS", true, func(c *Config) { *c = settingsFor(plain, "u"); c.AfterProcessing = Delete }},
		{"move without MOVE and UIDPLUS", "afterProcessing", "UIDPLUS", true, func(c *Config) { *c = settingsFor(plain, "u"); c.AfterProcessing, c.MoveTo = Move, "x" }},
		{"a mechanism that is not offered", "auth", "does not offer XOAUTH2", true, func(c *Config) {
			*c = settingsFor(plain, "u")
			c.Auth, c.TokenSource = XOAuth2, tokens(t, OAuth{})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			sentence, err := open(t, c).Check(t.Context())
			if err == nil {
				t.Fatalf("check succeeded: %s", sentence)
			}
			e := wantError(t, err, tt.setting, tt.words)
			if e.Permanent != tt.permanent {
				t.Errorf("permanent is %t, want %t", e.Permanent, tt.permanent)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestCheckNamesAnExpiredCertificateAndAnOldTLSVersion(t *testing.T) {
	ca, certificate := expiredCertificate(t)
	tests := []struct {
		name, setting, words string
		config               *tls.Config
	}{
		{"an expired certificate", "host", "is valid from", &tls.Config{Certificates: []tls.Certificate{certificate}}},
		{"TLS 1.1 at most", "security", "no TLS of version 1.2", &tls.Config{Certificates: []tls.Certificate{certificate}, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := serveConns(t, func(conn net.Conn) { _ = tls.Server(conn, tt.config).Handshake() })
			c.Security, c.TLSCACert = TLS, ca
			_, err := open(t, c).Check(t.Context())
			wantError(t, err, tt.setting, tt.words)
		})
	}
}

func TestOAuth(t *testing.T) {
	loopbacktest.Need(t, noDovecot)
	for _, auth := range []Auth{XOAuth2, OAuthBearer} {
		for _, grant := range []Grant{ClientCredentials, RefreshToken} {
			t.Run(string(auth)+" with "+string(grant), func(t *testing.T) {
				c := settingsFor(dovecot, oauthUser)
				c.Auth, c.Password = auth, ""
				c.TokenSource = tokens(t, OAuth{Grant: grant})
				s := open(t, c)
				before := tokenServer.Tokens()
				for range 2 {
					if _, err := s.Check(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if got := tokenServer.Tokens() - before; got != 1 {
					t.Errorf("%d tokens were fetched for two logins, want 1", got)
				}
				tokenServer.Revoke()
				_, err := s.Check(t.Context())
				if e := wantError(t, err, "oauth.scopes", "does not accept the access token"); !e.Permanent || strings.Contains(e.Error(), "loopback-token") {
					t.Errorf("error is %+v", e)
				}
			})
		}
	}
}

func TestOAuthErrorsNameTheSetting(t *testing.T) {
	tests := []struct {
		name, setting, words string
		oauth                OAuth
	}{
		{"a wrong client secret", "oauth.clientSecret", "does not accept the client id", OAuth{ClientSecret: secret}},
		{"a wrong refresh token", "oauth.refreshToken", "sign in again", OAuth{Grant: RefreshToken, RefreshToken: secret}},
		{"a token endpoint that is not there", "oauth.tokenUrl", "status 404", OAuth{TokenURL: tokenServer.TokenURL + "/none"}},
		{"a token endpoint that nothing listens on", "oauth.tokenUrl", "can't be used", OAuth{TokenURL: "http://127.0.0.1:1/token"}},
		{"a token endpoint on a host that does not exist", "oauth.tokenUrl", "not found", OAuth{TokenURL: "https://login.example.invalid/token"}},
		{"a token endpoint without TLS elsewhere", "oauth.tokenUrl", "must be an https address", OAuth{TokenURL: "http://login.example.com/token"}},
		{"no client id", "oauth.clientId", "client id", OAuth{ClientID: " "}},
		{"an unknown grant", "oauth.grant", "clientCredentials or refreshToken", OAuth{Grant: "password"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := withTestValues(tt.oauth)
			if o.ClientID == " " {
				o.ClientID = ""
			}
			source, err := o.TokenSource(context.Background())
			if err == nil {
				_, err = source.Token()
			}
			wantError(t, err, tt.setting, tt.words)
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error holds a secret: %v", err)
			}
		})
	}
}

func TestNewNamesTheSettingThatIsWrong(t *testing.T) {
	tests := []struct {
		name, setting string
		change        func(*Config)
	}{
		{"no host", "host", func(c *Config) { c.Host = "" }},
		{"a URL as host", "host", func(c *Config) { c.Host = "imaps://imap.example.com" }},
		{"a port out of range", "port", func(c *Config) { c.Port = 70000 }},
		{"an unknown security", "security", func(c *Config) { c.Security = "ssl" }},
		{"no TLS to another machine", "security", func(c *Config) { c.Security = NoTLS }},
		{"no user name", "username", func(c *Config) { c.Username = "" }},
		{"an unknown way to log in", "auth", func(c *Config) { c.Auth = "ntlm" }},
		{"no password", "password", func(c *Config) { c.Password = "" }},
		{"an empty folder", "folders", func(c *Config) { c.Folders = []string{""} }},
		{"INBOX twice", "folders", func(c *Config) { c.Folders = []string{"INBOX", "inbox"} }},
		{"an unknown afterProcessing", "afterProcessing", func(c *Config) { c.AfterProcessing = "archive" }},
		{"move to nowhere", "moveTo", func(c *Config) { c.AfterProcessing = Move }},
		{"move to a folder that is read", "moveTo", func(c *Config) { c.AfterProcessing, c.MoveTo = Move, "Inbox" }},
		{"a CA that is no PEM", "tlsCaCert", func(c *Config) { c.TLSCACert = "CA" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Host: "imap.example.com", Username: "u", Password: secret}
			tt.change(&c)
			_, err := New(c)
			if e := wantError(t, err, tt.setting); !e.Permanent {
				t.Error("the error is not permanent")
			}
		})
	}
}

func TestWaitReturnsWhenMailComes(t *testing.T) {
	c := mailbox(t)
	s, l := open(t, c), newLedger()
	poll1(t, s, l)
	fill(t, dovecot, c.Username, "INBOX", "before", 1)
	if err := s.Wait(t.Context()); err != nil {
		t.Fatalf("mail came before: %v", err)
	}
	poll1(t, s, l)
	done := make(chan error, 1)
	go func() { done <- s.Wait(t.Context()) }()
	select {
	case err := <-done:
		t.Fatalf("Wait returned %v without news", err)
	case <-time.After(300 * time.Millisecond):
	}
	fill(t, dovecot, c.Username, "INBOX", "during", 1)
	select {
	case err := <-done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Wait did not return when mail came")
	}
	poll1(t, s, l)
	if len(l.order) != 2 {
		t.Errorf("put %d mails, want 2", len(l.order))
	}
}

func TestWaitEndsWithItsContextAndKeepsTheConnection(t *testing.T) {
	s, l := open(t, mailbox(t)), newLedger()
	poll1(t, s, l)
	before := s.session
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := s.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait returned %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("Wait took %v to end", took)
	}
	poll1(t, s, l)
	if s.session != before {
		t.Error("the next poll had to connect again")
	}
}

var _ source.Sink = (*ledger)(nil)
