package plugin

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/grafana/grafana-plugin-sdk-go/backend/proxy"
	"golang.org/x/oauth2"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/ingest"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/drop"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source/imap"
)

// engineConfig turns settings into what the engine works by. With a problem
// that concerns all of them, no source is opened and each one says why.
func engineConfig(ctx context.Context, instance backend.DataSourceInstanceSettings, s Settings, problem error, logger *slog.Logger) ingest.Config {
	c := ingest.Config{
		Domains: s.Domains, DomainMap: s.DomainMap, RetentionDays: s.RetentionDays,
		Authentication: s.Authentication, AuthservID: s.AuthservID,
		Updated: instance.Updated, Fingerprint: fingerprint(instance),
	}
	o := opener{logger: logger}
	o.proxy, o.proxyErr = instance.ProxyOptionsFromContext(ctx)
	for _, src := range s.Sources {
		interval, _ := parseInterval(src.PollInterval) // judged by check
		c.Sources = append(c.Sources, ingest.SourceConfig{
			ID: src.ID, Name: src.Name, Type: src.Type, Assume: src.Trust == "assume", PollInterval: interval,
			Open: func() (source.Source, error) {
				if problem != nil {
					return nil, problem
				}
				return o.open(src)
			},
		})
	}
	return c
}

// An opener makes sources that go through Grafana's proxy where one is set.
type opener struct {
	proxy    *proxy.Options
	proxyErr error
	logger   *slog.Logger
}

func (o opener) open(s SourceSettings) (source.Source, error) {
	if s.problem != nil {
		return nil, s.problem
	}
	if o.proxyErr != nil {
		return nil, &source.Error{Setting: "enableSecureSocksProxy", Sentence: "Grafana's proxy settings can't be used: " + o.proxyErr.Error(), Err: o.proxyErr}
	}
	if s.Type == "https" {
		return o.openDrop(s)
	}
	return o.openMailbox(s)
}

func (o opener) openMailbox(s SourceSettings) (source.Source, error) {
	c := imap.Config{
		Host: s.Host, Port: s.Port, Security: imap.Security(s.Security),
		Username: s.Username, Auth: imap.Auth(s.Auth), Password: s.secrets().password,
		Folders: s.Folders, AfterProcessing: imap.AfterProcessing(s.AfterProcessing), MoveTo: s.MoveTo,
		TLSServerName: s.TLSServerName, TLSCACert: s.TLSCACert, Logger: o.logger,
	}
	client := proxy.New(o.proxy)
	if client.SecureSocksProxyEnabled() {
		dialer, err := client.NewSecureSocksProxyContextDialer()
		if err != nil {
			return nil, &source.Error{Setting: "enableSecureSocksProxy", Sentence: "Grafana's proxy can't be used: " + err.Error(), Err: err}
		}
		contextDialer, ok := dialer.(imap.Dialer)
		if !ok {
			return nil, &source.Error{Setting: "enableSecureSocksProxy", Sentence: "Grafana's proxy can't be used for IMAP: its dialer can't be stopped."}
		}
		c.Dialer = contextDialer
	}
	if s.usesOAuth() {
		tokens, err := o.tokens(s)
		if err != nil {
			return nil, err
		}
		c.TokenSource = tokens
	}
	opened, err := imap.New(c)
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// tokens makes the source of access tokens. Its requests outlive any request
// of Grafana's, so they have a context of their own.
func (o opener) tokens(s SourceSettings) (oauth2.TokenSource, error) {
	client, err := o.httpClient("")
	if err != nil {
		return nil, err
	}
	return imap.OAuth{
		Grant: imap.Grant(s.OAuth.Grant), TokenURL: s.OAuth.TokenURL, ClientID: s.OAuth.ClientID,
		ClientSecret: s.secrets().clientSecret, RefreshToken: s.secrets().refreshToken,
		Scopes: s.OAuth.Scopes, HTTPClient: client,
	}.TokenSource(context.Background())
}

func (o opener) openDrop(s SourceSettings) (source.Source, error) {
	client, err := o.httpClient(s.TLSCACert)
	if err != nil {
		return nil, err
	}
	opened, err := drop.New(drop.Config{
		URL: s.URL, Listing: drop.Listing(s.Listing), Auth: drop.Auth(s.Auth),
		Username: s.Username, Password: s.secrets().password, Token: s.secrets().token,
		AfterProcessing: drop.AfterProcessing(s.AfterProcessing),
		HTTPClient:      client, TLSCACert: s.TLSCACert, Logger: o.logger,
	})
	if err != nil {
		return nil, err
	}
	return opened, nil
}

// httpClient makes Grafana's own HTTP client. Certificates are always
// verified, whatever else the settings hold.
func (o opener) httpClient(caCert string) (*http.Client, error) {
	timeouts := httpclient.DefaultTimeoutOptions
	timeouts.Timeout = time.Minute
	options := httpclient.Options{
		Timeouts: &timeouts, ProxyOptions: o.proxy,
		TLS: &httpclient.TLSOptions{CACertificate: caCert},
		ConfigureTLSConfig: func(_ httpclient.Options, c *tls.Config) {
			c.MinVersion = tls.VersionTLS12
		},
	}
	client, err := httpclient.New(options)
	if err != nil {
		return nil, &source.Error{Setting: "tlsCaCert", Sentence: "The certificate authority can't be read: paste it whole as PEM, from BEGIN to END CERTIFICATE.", Permanent: true, Err: err}
	}
	return client, nil
}
