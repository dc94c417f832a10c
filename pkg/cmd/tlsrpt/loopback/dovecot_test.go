package loopback_test

import (
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
)

func TestDovecotServesWhatIsAppendedAndComesBackAfterAKill(t *testing.T) {
	d := loopbacktest.Dovecot(t, loopback.DovecotOptions{})
	for range 3 {
		if err := d.Append("u", "Reports", time.Now(), []byte("Subject: x\n\nbody\n")); err != nil {
			t.Fatal(err)
		}
	}
	d.Kill()
	// As one of its children may that is not dead yet.
	held, err := net.Listen("tcp", net.JoinHostPort(d.Host, strconv.Itoa(d.Port)))
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = held.Close() })
	if err := d.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(d.Log(), "Error") {
		t.Error(d.Log())
	}
}
