package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// An oddServer is Dovecot with a habit of its own: it speaks plain IMAP on a
// port, and stands between that and a Dovecot.
type oddServer struct {
	// ask, where it is not nil, changes a command on its way to Dovecot, or
	// answers it instead; an answer is lines with their ends.
	ask func(command string) (changed, answer string)
	// say, where it is not nil, changes a response, literals and all, on its way
	// from Dovecot.
	say func(response []byte) []byte

	port int
	// open is how many connections there are.
	open atomic.Int32
}

// start listens in front of a port of this machine.
func (o *oddServer) start(t *testing.T, to int) *oddServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	o.port = listener.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go o.serve(client, to)
		}
	}()
	return o
}

// serve is one connection; whichever side ends first ends both.
func (o *oddServer) serve(client net.Conn, to int) {
	o.open.Add(1)
	defer o.open.Add(-1)
	defer func() { _ = client.Close() }()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(to)))
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	// Answers of both come whole.
	var speaking sync.Mutex
	speak := func(text []byte) error {
		speaking.Lock()
		defer speaking.Unlock()
		_, err := client.Write(text)
		return err
	}
	go func() {
		defer func() { _ = server.Close() }()
		commands := bufio.NewReader(client)
		for {
			command, err := commands.ReadString('\n')
			if err != nil {
				return
			}
			answer := ""
			if o.ask != nil {
				command, answer = o.ask(command)
			}
			if answer != "" {
				err = speak([]byte(answer))
			} else {
				_, err = io.WriteString(server, command)
			}
			if err != nil {
				return
			}
		}
	}()
	responses := bufio.NewReader(server)
	for {
		response, err := readResponse(responses)
		if err != nil {
			return
		}
		if o.say != nil {
			response = o.say(response)
		}
		if speak(response) != nil {
			return
		}
	}
}

var literalAhead = regexp.MustCompile(`\{(\d+)\}\r\n$`)

// readResponse reads a line, and where it ends with the length of a literal,
// that and the lines and literals behind it (RFC 3501 section 4.3).
func readResponse(from *bufio.Reader) (response []byte, err error) {
	for {
		line, err := from.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		response = append(response, line...)
		ahead := literalAhead.FindSubmatch(line)
		if ahead == nil {
			return response, nil
		}
		size, err := strconv.Atoi(string(ahead[1]))
		if err != nil {
			return nil, fmt.Errorf("read a response: %w", err)
		}
		literal := make([]byte, size)
		if _, err := io.ReadFull(from, literal); err != nil {
			return nil, err
		}
		response = append(response, literal...)
	}
}
