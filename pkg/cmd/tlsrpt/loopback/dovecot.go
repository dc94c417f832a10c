// Package loopback starts real mail and web servers on loopback as child
// processes, so that tests and the demo meet what administrators run: Dovecot
// and nginx, and built-in ones where those are not installed.
//
// Every server listens on 127.0.0.1 alone, on ports that were free, writes
// into folders of its own, and ends with its Close.
package loopback

import (
	"bytes"
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
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/programs"
)

// ErrNotInstalled is wrapped by the error that says which server's program is
// not on this machine, and how to install it.
var ErrNotInstalled = programs.ErrNotInstalled

// DovecotOptions say what a Dovecot serves. The zero value serves empty
// mailboxes, one for every user name that logs in.
type DovecotOptions struct {
	// MailRoot holds one Maildir per user, named by the user: the Maildir
	// /srv/mail/reports is served to the user reports with /srv/mail. Folders
	// below INBOX are Maildir++ (.Reports). Empty is a folder that Close
	// removes. Where this process is root, Dovecot serves mail as another
	// user: the folder must be reachable by all, and what is in it changes
	// its owner.
	MailRoot string
	// Password opens every user's mailbox. Empty is "loopback".
	Password string
	// Introspection is the URL of a token introspection endpoint (RFC 7662),
	// such as [TokenServer]'s. With it, XOAUTH2 and OAUTHBEARER are offered.
	Introspection string
	// Config is added at the end of dovecot.conf, for example
	// "imap_capability = IMAP4rev1 UIDPLUS" to serve without MOVE.
	Config string
}

// Dovecot is a running IMAP server of version 2.3, with STARTTLS on one port
// and TLS on another.
type Dovecot struct {
	// Host is the address that both ports are on.
	Host string
	// Port speaks plaintext and STARTTLS, TLSPort speaks TLS.
	Port, TLSPort int
	// Password opens every user's mailbox.
	Password string
	// CA is the certificate, as PEM, of the private authority that signed the
	// server's certificate, which names localhost and 127.0.0.1.
	CA string
	// MailRoot holds one Maildir per user.
	MailRoot string

	program string // where it is installed
	dir     string // configuration, sockets and logs; removed by Close
	mailbox owner
	cmd     *exec.Cmd
	ended   chan struct{}
	serial  atomic.Uint64
	born    time.Time
}

// StartDovecot starts a Dovecot and waits until it greets. It runs as this
// process's user; for root, as the users that Debian's package makes. The
// error is [ErrNotInstalled] where there is none.
func StartDovecot(ctx context.Context, o DovecotOptions) (*Dovecot, error) {
	program, err := programs.Dovecot.Find()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		d := &Dovecot{program: program, Host: "127.0.0.1", Password: o.Password, MailRoot: o.MailRoot, born: time.Now()}
		if d.Password == "" {
			d.Password = "loopback"
		}
		if err := d.prepare(o); err != nil {
			return nil, errors.Join(fmt.Errorf("prepare dovecot: %w", err), removeFolder(d.dir))
		}
		err := d.Start(ctx)
		if err == nil {
			return d, nil
		}
		err = errors.Join(err, removeFolder(d.dir))
		if try == bindTries || !addressTaken(err.Error()) {
			return nil, err
		}
	}
}

// Start starts the server again after Kill, on the same ports.
func (d *Dovecot) Start(ctx context.Context) error {
	d.awaitPorts(ctx)
	d.cmd = exec.Command(d.program, "-F", "-c", filepath.Join(d.dir, "dovecot.conf"))
	separate(d.cmd)
	// A file, since what inherits a pipe would keep Wait from ending.
	stderr, err := os.Create(filepath.Join(d.dir, "stderr.log"))
	if err != nil {
		return fmt.Errorf("start dovecot: %w", err)
	}
	defer func() { _ = stderr.Close() }()
	d.cmd.Stderr = stderr
	if err := d.cmd.Start(); err != nil {
		return fmt.Errorf("start dovecot: %w", err)
	}
	ended := make(chan struct{})
	d.ended = ended
	go func() {
		_ = d.cmd.Wait() // how it ended shows in the log
		close(ended)
	}()
	if err := d.waitReady(ctx); err != nil {
		d.stop()
		complaint, _ := os.ReadFile(stderr.Name())
		return fmt.Errorf("start dovecot: %w\n%s%s", err, complaint, d.Log())
	}
	return nil
}

// awaitPorts waits until what was killed has let go of the ports. Where they
// stay taken, the server says so.
func (d *Dovecot) awaitPorts(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, portsPatience)
	defer cancel()
	for ctx.Err() == nil {
		if canListen(d.Port) && canListen(d.TLSPort) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// waitReady logs in until that succeeds: Dovecot greets before its
// authentication process is ready.
func (d *Dovecot) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		err := d.tryLogin(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", err)
		case <-d.ended:
			return errors.New("ended at once")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (d *Dovecot) tryLogin(ctx context.Context) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(d.CA))
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: d.Host, MinVersion: tls.VersionTLS12}}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(d.Host, strconv.Itoa(d.TLSPort)))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(conn, "1 LOGIN readiness %q\r\n2 LOGOUT\r\n", d.Password); err != nil {
		return err
	}
	var said bytes.Buffer
	_, err = said.ReadFrom(conn)
	if !strings.Contains(said.String(), "\n1 OK") {
		return fmt.Errorf("answered %q: %w", said.String(), err)
	}
	return nil
}

// Append puts a mail into a user's folder ("INBOX", "INBOX/Reports" is not
// needed: "Reports"), received at date. It writes the Maildir itself, so that
// thousands take a second.
func (d *Dovecot) Append(user, folder string, date time.Time, mail []byte) error {
	box, err := d.CreateFolder(user, folder)
	if err != nil {
		return err
	}
	// Dovecot numbers new files by the time and M part of their name, and
	// takes the size with and without CR from S and W.
	n := d.serial.Add(1)
	lone := bytes.Count(mail, []byte("\n")) - bytes.Count(mail, []byte("\r\n"))
	name := fmt.Sprintf("%d.M%06dP%d.loopback,S=%d,W=%d", d.born.Unix()+int64(n/1e6), n%1e6, os.Getpid(), len(mail), len(mail)+lone)
	tmp := filepath.Join(box, "tmp", name)
	if err := os.WriteFile(tmp, mail, 0o600); err != nil {
		return fmt.Errorf("append to %s: %w", folder, err)
	}
	if err := errors.Join(os.Chtimes(tmp, date, date), d.mailbox.give(tmp)); err != nil {
		return fmt.Errorf("append to %s: %w", folder, err)
	}
	if err := os.Rename(tmp, filepath.Join(box, "new", name)); err != nil {
		return fmt.Errorf("append to %s: %w", folder, err)
	}
	return nil
}

// CreateFolder makes a folder of a user, if it is not there, and returns its
// place on disk.
func (d *Dovecot) CreateFolder(user, folder string) (string, error) {
	box := d.Folder(user, folder)
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(box, sub), 0o700); err != nil {
			return "", fmt.Errorf("create folder %s: %w", folder, err)
		}
	}
	for _, path := range []string{d.Folder(user, "INBOX"), box, filepath.Join(box, "cur"), filepath.Join(box, "new"), filepath.Join(box, "tmp")} {
		if err := d.mailbox.give(path); err != nil {
			return "", fmt.Errorf("create folder %s: %w", folder, err)
		}
	}
	return box, nil
}

// Folder returns where a user's folder is, or would be, on disk.
func (d *Dovecot) Folder(user, folder string) string {
	box := filepath.Join(d.MailRoot, user)
	if folder == "INBOX" {
		return box
	}
	return filepath.Join(box, "."+strings.ReplaceAll(folder, "/", "."))
}

// Log returns what the server wrote to its log.
func (d *Dovecot) Log() string {
	log, err := os.ReadFile(filepath.Join(d.dir, "dovecot.log"))
	if err != nil {
		return ""
	}
	return string(log)
}

// Kill ends the server and every connection to it, as a crash would. Start
// brings it back.
func (d *Dovecot) Kill() { d.stop() }

// Close ends the server and removes its files, but not a MailRoot that was
// given.
func (d *Dovecot) Close() error {
	d.stop()
	return removeFolder(d.dir)
}

// stop asks the master process to end, and then ends its children: those with
// a client would stay for ten seconds.
func (d *Dovecot) stop() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-d.ended:
	case <-time.After(2 * time.Second):
	}
	killAll(d.cmd)
	<-d.ended
}
