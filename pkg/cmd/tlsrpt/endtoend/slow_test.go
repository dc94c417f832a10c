package endtoend

import (
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback/loopbacktest"
)

// A slow link lets a chunk through every so often, so that 1,000 mails take
// some seconds: enough steps to kill the plugin between, however busy the
// machine is.
const (
	slowChunk = 16 << 10
	slowEvery = 30 * time.Millisecond
)

// startSlowLink returns the port of a slow link to another port of 127.0.0.1,
// which passes a connection on until either side ends it.
func startSlowLink(t *testing.T, port int) int {
	t.Helper()
	return loopbacktest.Serve(t, func(client net.Conn) {
		server, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return // as a server that is away
		}
		go func() {
			_, _ = io.Copy(server, client) // until the client is gone
			_ = server.Close()
		}()
		for {
			if _, err := io.CopyN(client, server, slowChunk); err != nil {
				return
			}
			time.Sleep(slowEvery)
		}
	})
}
