package loopback

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
)

// NginxOptions say what an nginx serves. The zero value is the site that
// administrators are given, provisioning/nginx/tlsrpt-drop.conf, with an empty
// folder and without a login.
type NginxOptions struct {
	// Dir is the folder to serve. Empty is one that Close removes.
	Dir string
	// Username and Password are asked for by basic authentication of who
	// reads; without a user name nothing is.
	Username, Password string
	// HTML lists folders as pages instead of as JSON.
	HTML bool
	// NoDelete refuses DELETE.
	NoDelete bool
	// CA signs the server's certificate; nil is a new one.
	CA *CA
}

// Nginx is a running web server with a drop and its receiver.
type Nginx struct {
	// URL is the address of the drop's folder, with a slash at the end.
	URL string
	// ReportURL is where reports are POSTed to, what "rua=https:" names.
	ReportURL string
	// Username and Password are what the server asks for.
	Username, Password string
	// CA is the certificate, as PEM, of the private authority that signed the
	// server's certificate, which names localhost and 127.0.0.1.
	CA string
	// Dir is the folder served.
	Dir string

	prefix string // configuration, log and temporary files; removed by Close
	cmd    *exec.Cmd
	ended  chan struct{}
}

// StartNginx starts an nginx and waits until it listens. It runs as this
// process's user in one process. The error is [ErrNotInstalled] where there is
// none.
func StartNginx(ctx context.Context, o NginxOptions) (*Nginx, error) {
	program, err := programs.Nginx.Find()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		n := &Nginx{Username: o.Username, Password: o.Password, Dir: o.Dir}
		err := n.start(ctx, program, o)
		if err == nil {
			return n, nil
		}
		taken := addressTaken(n.Log())
		err = errors.Join(fmt.Errorf("start nginx: %w\n%s", err, n.Log()), n.Close())
		if !taken || try == bindTries {
			return nil, err
		}
	}
}

// start writes the configuration, starts the child and waits for its port.
func (n *Nginx) start(ctx context.Context, program string, o NginxOptions) error {
	prefix, err := os.MkdirTemp("", "tlsrpt-nginx-")
	if err != nil {
		return err
	}
	n.prefix = prefix
	port, err := n.prepare(o)
	if err != nil {
		return err
	}
	n.URL = fmt.Sprintf("https://127.0.0.1:%d/tlsrpt/", port)
	n.ReportURL = fmt.Sprintf("https://127.0.0.1:%d/report", port)
	n.cmd = exec.Command(program, "-e", "stderr", "-p", prefix, "-c", filepath.Join(prefix, "nginx.conf"))
	log, err := os.Create(filepath.Join(prefix, "error.log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own handle
	n.cmd.Stderr = log
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.ended = make(chan struct{})
	go func() {
		_ = n.cmd.Wait() // how it ended shows in the log
		close(n.ended)
	}()
	return n.waitReady(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

// waitReady shakes hands until that succeeds with a certificate of this
// server's authority: then it isn't another process that has the port.
func (n *Nginx) waitReady(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(n.CA))
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-n.ended:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("it is not ready: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Put stores a file below the folder as another program would: whole, and with
// its time.
func (n *Nginx) Put(name string, modified time.Time, content []byte) error {
	place := filepath.Join(n.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	hidden := filepath.Join(filepath.Dir(place), "."+filepath.Base(place))
	if err := os.WriteFile(hidden, content, 0o600); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	if err := errors.Join(os.Chtimes(hidden, modified, modified), os.Rename(hidden, place)); err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

// Log returns what nginx said so far.
func (n *Nginx) Log() string {
	said, err := os.ReadFile(filepath.Join(n.prefix, "error.log"))
	if err != nil {
		return ""
	}
	return string(said)
}

// Close ends the server and removes its configuration, and the folder that was
// not given.
func (n *Nginx) Close() error {
	if n.ended != nil {
		_ = n.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-n.ended:
		case <-time.After(5 * time.Second):
			_ = n.cmd.Process.Kill()
			<-n.ended
		}
	}
	return removeFolder(n.prefix)
}
