package drop

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

const (
	// maxFileBytes is the limit of a file, the same as that of a mail.
	maxFileBytes = 15 << 20
	// maxOtherBytes is read of replies that are neither listing nor file.
	maxOtherBytes = 64 << 10
	maxRedirects  = 5
	// requestTimeout is enough for the largest file at 1 Mbit/s.
	requestTimeout = 2 * time.Minute
	// maxRetryAfter bounds what a server may wish for.
	maxRetryAfter = 24 * time.Hour
)

// errUnfinished means that a file's bytes are not what was announced: it is
// being written, or the connection broke.
var errUnfinished = errors.New("the file is not complete")

// errTooLarge means that a file goes on beyond the limit.
var errTooLarge = errors.New("the file is over the limit")

// A refusal is a status that concerns the one thing that was asked for.
type refusal struct {
	status int
	// redirect is set where the reply leads to a place that isn't followed.
	redirect *redirectError
}

// Error returns the status in words.
func (r *refusal) Error() string {
	if r.redirect != nil {
		return fmt.Sprintf("the server answers with %s, which isn't followed", r.redirect)
	}
	return fmt.Sprintf("the server answers %d %s", r.status, http.StatusText(r.status))
}

// gone says that there is nothing (any more) where it was listed.
func (r *refusal) gone() bool {
	return r.status == http.StatusNotFound || r.status == http.StatusGone
}

// as makes the refusal a setting's error, with the status in brackets.
func (r *refusal) as(setting, format string, args ...any) *source.Error {
	sentence := fmt.Sprintf(format, args...) + fmt.Sprintf(" (%d %s)", r.status, http.StatusText(r.status))
	return &source.Error{Setting: setting, Sentence: sentence, Err: r}
}

// asRefusal returns the refusal that err is, unless the whole drop suffers from it.
func asRefusal(err error) (*refusal, bool) {
	var r *refusal
	ok := errors.As(err, &r)
	return r, ok && !isFatal(err)
}

// ofFile makes a redirect that isn't followed a refusal of the one file that was
// asked for: the others of the drop don't suffer from it.
func ofFile(err error) error {
	var redirect *redirectError
	if errors.As(err, &redirect) {
		return &refusal{status: http.StatusFound, redirect: redirect}
	}
	return err
}

// isFatal says that the whole drop suffers from err.
func isFatal(err error) bool {
	var whole *source.Error
	return errors.As(err, &whole)
}

// A redirectError is a redirect that isn't followed.
type redirectError struct {
	host string
}

// Error says where the redirect leads to.
func (e *redirectError) Error() string {
	if e.host == "" {
		return "too many redirects"
	}
	return "a redirect to " + strconv.QuoteToASCII(e.host)
}

// newClient returns the client of the settings with the drop's redirect policy.
func newClient(c Config) (*http.Client, error) {
	pool, err := caPool(c.TLSCACert)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool},
		TLSHandshakeTimeout:   30 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true,
	}}
	if c.HTTPClient != nil {
		*client = *c.HTTPClient
	}
	client.CheckRedirect = stayWithinOrigin
	return client, nil
}

// stayWithinOrigin is the redirect policy: with the origin would change who
// gets the credentials and whose files are read. A DELETE is never redirected,
// since the client would go on with GET and take its success for the deletion.
func stayWithinOrigin(next *http.Request, via []*http.Request) error {
	switch {
	case via[0].Method == http.MethodDelete:
		return http.ErrUseLastResponse
	case originOf(next.URL) != originOf(via[0].URL):
		return &redirectError{host: next.URL.Host}
	case len(via) > maxRedirects:
		return &redirectError{}
	}
	return nil
}

// do sends a request and returns a reply of status 2xx or 304, whose body the
// caller closes. A status that concerns this request alone is a [*refusal];
// everything that the whole drop suffers from is a [*source.Error].
func (s *Source) do(ctx context.Context, method, address string, header http.Header) (*http.Response, error) {
	requestCtx, cancel := context.WithTimeout(ctx, requestTimeout)
	request, err := http.NewRequestWithContext(requestCtx, method, address, nil)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("make a request: %w", err)
	}
	if header != nil {
		request.Header = header.Clone()
	}
	// The bytes are wanted as they are stored: a transport that asks for gzip
	// by itself would inflate reports that are compressed on purpose.
	request.Header.Set("Accept-Encoding", "identity")
	request.Header.Set("User-Agent", "tlsrpt-reports-datasource")
	switch s.config.Auth {
	case Basic:
		request.SetBasicAuth(s.config.Username, s.config.Password)
	case Bearer:
		request.Header.Set("Authorization", "Bearer "+s.config.Token)
	}
	reply, err := s.client.Do(request)
	if err != nil {
		cancel()
		return nil, s.unreachable(ctx, err)
	}
	reply.Body = &cancelledBody{ReadCloser: reply.Body, cancel: cancel}
	unchanged := reply.StatusCode == http.StatusNotModified && header.Get("If-None-Match") != ""
	if reply.StatusCode/100 == 2 || unchanged {
		return reply, nil
	}
	discard(reply)
	return nil, s.refused(reply)
}

// A cancelledBody ends its request's context when it is closed.
type cancelledBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close closes the body.
func (b *cancelledBody) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}

// discard reads a short rest, so that the connection can be used again.
func discard(reply *http.Response) {
	// A broken rest concerns nobody: the next request gets a new connection.
	_, _ = io.CopyN(io.Discard, reply.Body, maxOtherBytes)
	_ = reply.Body.Close()
}

// refused makes an error of a reply's status.
func (s *Source) refused(reply *http.Response) error {
	r := &refusal{status: reply.StatusCode}
	wait := retryAfter(reply.Header.Get("Retry-After"), s.now())
	switch {
	case r.status == http.StatusUnauthorized:
		e := r.as(s.loginSetting())
		e.Permanent = true
		return e
	case r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable && wait > 0:
		e := r.as("url", "The server asks to be left alone for a while; the next poll waits for that.")
		e.RetryAfter = wait
		return e
	}
	return r
}

// loginSetting returns the setting to look at when the server wants another
// login, and a sentence on it.
func (s *Source) loginSetting() (setting, sentence string) {
	switch s.config.Auth {
	case Basic:
		return "password", "The server refuses the login. Check username and password."
	case Bearer:
		return "token", "The server refuses the token. Enter a valid one."
	}
	return "auth", "The server wants a login. Choose basic or bearer under auth."
}

// retryAfter reads the header: seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	wait := time.Duration(0)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(value); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// unreachable makes an error of a request without a reply. The address stays
// out of it: a redirect may have put anything there.
func (s *Source) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	setting, sentence := reachSentence(err)
	return &source.Error{Setting: setting, Sentence: sentence, Err: err}
}

// reachSentence says what to do about a request without a reply.
func reachSentence(err error) (setting, sentence string) {
	var (
		redirect  *redirectError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		timeout   net.Error
		network   *net.OpError
	)
	switch {
	case errors.As(err, &redirect) && redirect.host == "":
		return "url", "The server redirects in circles. Enter the address where the listing really is."
	case errors.As(err, &redirect):
		return "url", "The server redirects to another origin, " + strconv.QuoteToASCII(redirect.host) +
			", which is not followed. Enter the address there if it is yours."
	case errors.As(err, &authority):
		return "tlsCaCert", "The server’s certificate is from an unknown authority. Enter the authority’s certificate as PEM."
	case errors.As(err, &hostname):
		return "url", "The server’s certificate is for another name. Use the name that is in it."
	case errors.As(err, &invalid):
		return "url", "The server’s certificate is not valid: " + invalid.Error() + ". Renew it."
	case errors.As(err, &plain):
		return "url", "The server doesn’t speak TLS on this port. Check the port."
	case errors.As(err, &timeout) && timeout.Timeout():
		return "url", "The server did not answer in time. Check the address and the firewall."
	}
	if errors.As(err, &network) {
		return "url", "The server can’t be reached: " + network.Err.Error() + ". Check the address and the firewall."
	}
	// Other errors may quote what the server said, and that anything.
	return "url", "The server breaks off the conversation. Check the address, and the server’s log."
}

// ask learns the version of a file from a reply's header. With etag, the one
// known so far, unchanged says that it still holds.
func (s *Source) ask(ctx context.Context, address, etag string) (answer, error) {
	method := http.MethodHead
	if s.noHead.Load() {
		method = http.MethodGet
	}
	reply, err := s.do(ctx, method, address, ifNoneMatch(etag))
	err = ofFile(err)
	if refused, ok := asRefusal(err); ok && method == http.MethodHead && !refused.gone() {
		// Some servers, and signers of requests, know GET alone.
		if refused.status == http.StatusMethodNotAllowed || refused.status == http.StatusNotImplemented {
			s.noHead.Store(true)
		}
		reply, err = s.do(ctx, http.MethodGet, address, ifNoneMatch(etag))
	}
	if err != nil {
		return answer{}, ofFile(err)
	}
	discard(reply)
	if reply.StatusCode == http.StatusNotModified {
		return answer{unchanged: true}, nil
	}
	return answer{version: versionOf(reply)}, nil
}

// ifNoneMatch returns the header of a conditional request; none without etag.
func ifNoneMatch(etag string) http.Header {
	header := http.Header{}
	if etag != "" {
		header.Set("If-None-Match", etag)
	}
	return header
}

// fetch reads a file of at most limit bytes whole: only then is it known to be
// complete. Beside refusals its errors are [errUnfinished] and [errTooLarge].
func (s *Source) fetch(ctx context.Context, address string, limit int64) ([]byte, version, error) {
	reply, err := s.do(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, version{}, ofFile(err)
	}
	defer reply.Body.Close()
	v := versionOf(reply)
	if v.length > limit {
		return nil, v, errTooLarge
	}
	var body bytes.Buffer
	if v.length > 0 {
		body.Grow(int(v.length) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(reply.Body, limit+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, v, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, v, s.unreachable(ctx, err)
	case err != nil:
		return nil, v, fmt.Errorf("%w: %w", errUnfinished, err)
	case n > limit:
		return nil, v, errTooLarge
	}
	return body.Bytes(), v, nil
}
