package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// The kinds of failures, the words of the label "kind".
var (
	pollFailures  = []string{"authentication", "connection", "protocol", "settings", "store", "throttled"}
	storeFailures = []string{"busy", "corrupt", "full", "io", otherFailure, "read-only"}
	queryFailures = []string{"canceled", "failed", "refused"}
)

// otherFailure is the kind of what no fault of the store as a whole explains.
const otherFailure = "other"

// The settings that are to blame where no login, or no connection, was to be had.
var (
	loginSettings      = []string{"auth", "password", "token", "username"}
	connectionSettings = []string{"enableSecureSocksProxy", "host", "port", "security", "tlsCaCert", "tlsServerName"}
)

// pollFailure tells the kind of failure that ended a poll, one of [pollFailures].
func pollFailure(err error) string {
	var refused *storeError
	if errors.As(err, &refused) {
		return "store"
	}
	var fault *source.Error
	if !errors.As(err, &fault) {
		fault = &source.Error{Err: err}
	}
	switch {
	case fault.RetryAfter > 0:
		return "throttled"
	case slices.Contains(loginSettings, fault.Setting) || strings.HasPrefix(fault.Setting, "oauth."):
		return "authentication"
	case ofConnection(fault.Err) || fault.Err != nil && slices.Contains(connectionSettings, fault.Setting):
		return "connection"
	case fault.Permanent:
		return "settings"
	}
	return "protocol" // the server answered, and not as it should
}

// ofConnection tells what fails on the way from what the server answers.
func ofConnection(err error) bool {
	var (
		network net.Error
		record  tls.RecordHeaderError
		unknown x509.UnknownAuthorityError
		checked *tls.CertificateVerificationError
	)
	for _, target := range []any{&network, &record, &unknown, &checked} {
		if errors.As(err, target) {
			return true
		}
	}
	for _, ended := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.DeadlineExceeded} {
		if errors.Is(err, ended) {
			return true
		}
	}
	return false
}

// storeFailure tells why the store refused, one of [storeFailures].
func storeFailure(err error) string {
	for kind, why := range map[string]error{
		"busy": store.ErrBusy, "corrupt": store.ErrCorrupt, "full": store.ErrFull, "io": store.ErrIO, "read-only": store.ErrReadOnly,
	} {
		if errors.Is(err, why) {
			return kind
		}
	}
	return otherFailure
}

// inTrouble says whether the store as a whole is.
func inTrouble(err error) bool { return storeFailure(err) != otherFailure }

// hasLeft says that what was asked of the store has left it in the meantime, as
// by the retention or another try.
func hasLeft(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrRawGone)
}
