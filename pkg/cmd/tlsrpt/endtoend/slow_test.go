package endtoend

import (
	"io"
	"net"
	"strconv"
	"testing"
	"time"
)

// A slow link lets a chunk through every so often, so that 1,000 mails take
// some seconds: enough steps to kill the plugin between, however busy the
// machine is.
const (
	slowChunk = 16 << 10
	slowEvery = 30 * time.Millisecond
)

// startSlowLink returns the port of a slow link to another port of 127.0.0.1.
func startSlowLink(t *testing.T, port int) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			go linkSlowly(client, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// linkSlowly passes a connection on until either side ends it.
func linkSlowly(client net.Conn, address string) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", address)
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
}
