package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// Grant says how access tokens are had. The words are the setting's.
type Grant string

// What the setting oauth.grant may be.
const (
	ClientCredentials Grant = "clientCredentials" // RFC 6749 section 4.4; Exchange Online
	RefreshToken      Grant = "refreshToken"      // RFC 6749 section 6; Gmail and others
)

// OAuth says where access tokens come from. ClientSecret and RefreshToken are
// secrets.
type OAuth struct {
	Grant        Grant
	TokenURL     string
	ClientID     string
	ClientSecret string // a secret; public clients with a refresh token have none
	RefreshToken string // a secret; for [RefreshToken]
	Scopes       []string
	// HTTPClient fetches the tokens; nil is [http.DefaultClient].
	HTTPClient *http.Client
}

const (
	// maxTokenAnswer is the largest answer of a token endpoint, in bytes.
	maxTokenAnswer = 64 << 10
	tokenTimeout   = 30 * time.Second
)

// TokenSource returns a source that keeps a token until shortly before it
// expires. ctx must live as long as the source does: it is used for each
// request. A refresh token that the server replaces is kept in memory alone.
//
// What is wrong with the settings is a [*source.Error] here; what is wrong
// with the endpoint is one from the source's Token.
func (o OAuth) TokenSource(ctx context.Context) (oauth2.TokenSource, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, o.boundedClient())
	var tokens oauth2.TokenSource
	if o.Grant == RefreshToken {
		config := oauth2.Config{
			ClientID:     o.ClientID,
			ClientSecret: o.ClientSecret,
			Endpoint:     oauth2.Endpoint{TokenURL: o.TokenURL},
			Scopes:       o.Scopes,
		}
		tokens = config.TokenSource(ctx, &oauth2.Token{RefreshToken: o.RefreshToken})
	} else {
		config := clientcredentials.Config{
			ClientID:     o.ClientID,
			ClientSecret: o.ClientSecret,
			TokenURL:     o.TokenURL,
			Scopes:       o.Scopes,
		}
		tokens = config.TokenSource(ctx)
	}
	return explainedTokens{tokens, o}, nil
}

func (o OAuth) check() error {
	u, err := url.Parse(o.TokenURL)
	if o.TokenURL == "" || err != nil || u.Host == "" {
		return invalid("oauth.tokenUrl", "Enter the whole address of the token endpoint, such as https://login.example.com/token.")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return invalid("oauth.tokenUrl", "The token endpoint must be an https address, since secrets are sent to it.")
	}
	if o.ClientID == "" {
		return invalid("oauth.clientId", "Enter the application's client id.")
	}
	switch o.Grant {
	case ClientCredentials:
		if o.ClientSecret == "" {
			return invalid("oauth.clientSecret", "Enter the application's client secret.")
		}
	case RefreshToken:
		if o.RefreshToken == "" {
			return invalid("oauth.refreshToken", "Enter the refresh token that the mailbox's owner granted.")
		}
	default:
		return invalid("oauth.grant", "%q is not known; choose clientCredentials or refreshToken.", o.Grant)
	}
	return nil
}

// boundedClient follows redirects within the endpoint's origin only, since
// they would carry the secrets elsewhere, and reads no endless answer.
func (o OAuth) boundedClient() *http.Client {
	base := o.HTTPClient
	if base == nil {
		base = http.DefaultClient
	}
	client := *base
	if client.Timeout == 0 || client.Timeout > tokenTimeout {
		client.Timeout = tokenTimeout
	}
	transport := client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	client.Transport = boundedTransport{transport}
	client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		first := via[0].URL
		if r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
			return fmt.Errorf("redirected to another server, %s", r.URL.Host)
		}
		if len(via) >= 5 {
			return errors.New("redirected too often")
		}
		return nil
	}
	return &client
}

type boundedTransport struct{ http.RoundTripper }

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = boundedBody{io.LimitReader(response.Body, maxTokenAnswer), response.Body}
	return response, nil
}

type boundedBody struct {
	io.Reader
	io.Closer
}

// explainedTokens says what a failure means, without the answer's body: an
// endpoint may repeat the request's secrets.
type explainedTokens struct {
	tokens oauth2.TokenSource
	oauth  OAuth
}

func (e explainedTokens) Token() (*oauth2.Token, error) {
	token, err := e.tokens.Token()
	if err != nil {
		return nil, e.oauth.explain(err)
	}
	return token, nil
}

func (o OAuth) explain(err error) *source.Error {
	host := o.TokenURL
	if u, parseErr := url.Parse(o.TokenURL); parseErr == nil {
		host = u.Host
	}
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return o.explainRefusal(host, refused)
	}
	var dns *net.DNSError
	var netErr net.Error
	sentence := fmt.Sprintf("The token endpoint %s can't be used; check its address and that this server may reach it.", host)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		sentence = fmt.Sprintf("The token endpoint's host %s was not found; check the address for a typing error.", host)
	case errors.As(err, &netErr) && netErr.Timeout():
		sentence = fmt.Sprintf("The token endpoint %s did not answer in time; check its address and the firewall.", host)
	case isCertificateError(err):
		sentence = fmt.Sprintf("The certificate of the token endpoint %s is not trusted; check the address.", host)
	case errors.As(err, &netErr):
	default:
		sentence = fmt.Sprintf("%s did not answer with an access token; check that the address is a token endpoint's.", host)
	}
	return &source.Error{Setting: "oauth.tokenUrl", Sentence: sentence}
}

// explainRefusal names the setting that an error code of RFC 6749 section 5.2
// is about.
func (o OAuth) explainRefusal(host string, refused *oauth2.RetrieveError) *source.Error {
	said := o.redact(refused.ErrorCode)
	if refused.ErrorDescription != "" {
		said += ": " + o.redact(refused.ErrorDescription)
	}
	code := 0
	if refused.Response != nil {
		code = refused.Response.StatusCode
	}
	e := &source.Error{Permanent: true}
	switch {
	case refused.ErrorCode == "invalid_client":
		e.Setting, e.Sentence = "oauth.clientSecret", fmt.Sprintf("%s does not accept the client id with this secret (%s); enter a secret that has not expired.", host, said)
	case refused.ErrorCode == "invalid_grant" && o.Grant == RefreshToken:
		e.Setting, e.Sentence = "oauth.refreshToken", fmt.Sprintf("%s does not accept the refresh token any more (%s); sign in again and enter the new one.", host, said)
	case refused.ErrorCode == "invalid_scope":
		e.Setting, e.Sentence = "oauth.scopes", fmt.Sprintf("%s does not know these scopes (%s); check them.", host, said)
	case refused.ErrorCode == "unauthorized_client", refused.ErrorCode == "invalid_grant", refused.ErrorCode == "unsupported_grant_type":
		e.Setting, e.Sentence = "oauth.grant", fmt.Sprintf("%s does not allow this application this grant (%s); check the grant and the application's registration.", host, said)
	case code == http.StatusTooManyRequests || code >= 500:
		e.Setting, e.Sentence, e.Permanent = "oauth.tokenUrl", fmt.Sprintf("The token endpoint %s answers with status %d at the moment; this is tried again.", host, code), false
	case refused.ErrorCode == "" && code == http.StatusUnauthorized:
		e.Setting, e.Sentence = "oauth.clientSecret", fmt.Sprintf("%s does not accept the client id with this secret (status 401); enter a secret that has not expired.", host)
	case refused.ErrorCode == "":
		e.Setting, e.Sentence = "oauth.tokenUrl", fmt.Sprintf("%s answered with status %d and no token; check that the address is a token endpoint's.", host, code)
	default:
		e.Setting, e.Sentence = "oauth.tokenUrl", fmt.Sprintf("The token endpoint %s refused (%s); check the OAuth settings.", host, said)
	}
	return e
}

func (o OAuth) redact(text string) string {
	return redact(text, o.ClientSecret, o.RefreshToken)
}

// accessToken asks for a token, and stops waiting when ctx ends.
func (s *Source) accessToken(ctx context.Context) (string, error) {
	type answer struct {
		token *oauth2.Token
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		token, err := s.config.TokenSource.Token()
		got <- answer{token, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-got:
		var explained *source.Error
		switch {
		case errors.As(a.err, &explained):
			return "", explained
		case a.err != nil:
			return "", &source.Error{Setting: "oauth.tokenUrl", Sentence: "No access token could be had; check the OAuth settings."}
		case a.token.AccessToken == "":
			return "", &source.Error{Setting: "oauth.tokenUrl", Sentence: "The token endpoint answered without an access token; check its address."}
		}
		return a.token.AccessToken, nil
	}
}
