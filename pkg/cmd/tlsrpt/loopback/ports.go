package loopback

import (
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	// bindTries is how often other ports are tried where another process took
	// one between finding it free and binding it.
	bindTries = 3
	// portsPatience is how long a server that was killed may hold its ports.
	portsPatience = 10 * time.Second
	// startPatience is how long a server may take to start on a busy machine.
	startPatience = time.Minute
)

// addressTaken tells whether a server's log says that.
func addressTaken(log string) bool {
	return strings.Contains(strings.ToLower(log), "address already in use")
}

// freePorts returns two ports of 127.0.0.1 that were free a moment ago.
func freePorts() (a, b int, err error) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = first.Close() }()
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = second.Close() }()
	return first.Addr().(*net.TCPAddr).Port, second.Addr().(*net.TCPAddr).Port, nil
}

// canListen tells whether a port of 127.0.0.1 is free.
func canListen(port int) bool {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = listener.Close() // nothing was served on it
	return true
}
