package imap

import (
	"context"
	"fmt"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// login logs in as the settings want it.
func (s *Source) login(ctx context.Context, session *session) error {
	if session.client.State() != goimap.ConnStateNotAuthenticated {
		return nil // PREAUTH: the connection itself was enough
	}
	caps := session.client.Caps()
	if caps == nil {
		return s.config.connectionError(session.stream, "asking for its capabilities", fmt.Errorf("no capabilities"))
	}
	if s.config.Auth == Password {
		return s.passwordLogin(session, caps)
	}
	session.stream.rest()
	token, err := s.accessToken(ctx)
	if err != nil {
		return err
	}
	session.stream.await()
	return s.tokenLogin(session, caps, token)
}

func (s *Source) passwordLogin(session *session, caps goimap.CapSet) error {
	plain := caps.Has(goimap.AuthCap(sasl.Plain))
	if caps.Has(goimap.CapLoginDisabled) && !plain {
		if s.config.Security == NoTLS {
			return &source.Error{Setting: "security", Permanent: true, Sentence: fmt.Sprintf("%s takes no password without TLS; choose tls or starttls.", s.config.Host)}
		}
		return &source.Error{Setting: "auth", Permanent: true, Sentence: fmt.Sprintf("%s takes no passwords; choose xoauth2 or oauthbearer.", s.config.Host)}
	}
	var err error
	// LOGIN is what every server has; what it means for other than ASCII is
	// not said (RFC 3501), while PLAIN is UTF-8 (RFC 4616).
	if plain && (caps.Has(goimap.CapLoginDisabled) || !isASCII(s.config.Username+s.config.Password)) {
		err = session.authenticate(sasl.NewPlainClient("", s.config.Username, s.config.Password))
	} else {
		err = session.client.Login(s.config.Username, s.config.Password).Wait()
	}
	if err != nil {
		return s.config.loginError(session.stream, err, "")
	}
	return nil
}

func (s *Source) tokenLogin(session *session, caps goimap.CapSet, token string) error {
	refusal := ""
	var client sasl.Client
	mechanism := "XOAUTH2"
	if s.config.Auth == XOAuth2 {
		client = &xoauth2{username: s.config.Username, token: token, refusal: &refusal}
	} else {
		mechanism = sasl.OAuthBearer
		bearer := sasl.NewOAuthBearerClient(&sasl.OAuthBearerOptions{
			Username: s.config.Username,
			Token:    token,
			Host:     s.config.Host,
			Port:     s.config.Port,
		})
		client = &oauthBearer{Client: bearer, refusal: &refusal}
	}
	if !caps.Has(goimap.AuthCap(mechanism)) {
		return &source.Error{Setting: "auth", Permanent: true, Sentence: fmt.Sprintf("%s does not offer %s; choose another way to log in.", s.config.Host, mechanism)}
	}
	if err := session.authenticate(client); err != nil {
		config := s.config
		config.Password = token // what must not show in the error
		return config.loginError(session.stream, err, refusal)
	}
	return nil
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}
