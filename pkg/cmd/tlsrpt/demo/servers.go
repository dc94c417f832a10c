package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/generate"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/cmd/tlsrpt/loopback"
)

const (
	mailUser = "tlsrpt@tlsrpt.example"
	dropUser = "reader"
	dropPass = "loopback"
)

// servers are the mailbox and the drop, with writers that fill them.
type servers struct {
	closers               []io.Closer
	mailbox, drop         generate.Writer
	mailServer, webServer string
	settings              settings
}

// startServers starts Dovecot and nginx, and built-in servers in the place of
// what is not installed.
func startServers(ctx context.Context, folder string) (_ servers, err error) {
	var s servers
	defer func() {
		if err != nil {
			for _, c := range s.closers {
				err = errors.Join(err, c.Close())
			}
		}
	}()
	mail, err := s.startMailbox(ctx, filepath.Join(folder, "mailbox"))
	if err != nil {
		return s, fmt.Errorf("start the mailbox: %w", err)
	}
	drop, err := s.startDrop(ctx, filepath.Join(folder, "drop"))
	if err != nil {
		return s, fmt.Errorf("start the drop: %w", err)
	}
	s.settings = madeUpSettings(mail.port, mail.ca, mail.password, drop.url, drop.ca, dropUser, dropPass)
	return s, nil
}

type mailAccess struct {
	port         int
	ca, password string
}

func (s *servers) startMailbox(ctx context.Context, root string) (mailAccess, error) {
	if err := os.Mkdir(root, 0o755); err != nil {
		return mailAccess{}, err
	}
	dovecot, err := loopback.StartDovecot(ctx, loopback.DovecotOptions{MailRoot: root})
	if err == nil {
		s.closers = append(s.closers, dovecot)
		s.mailServer = "Dovecot"
		s.mailbox = generate.MailTo(func(received time.Time, mail []byte) error {
			return dovecot.Append(mailUser, "INBOX", received, mail)
		})
		return mailAccess{dovecot.TLSPort, dovecot.CA, dovecot.Password}, nil
	}
	if !errors.Is(err, loopback.ErrNotInstalled) {
		return mailAccess{}, err
	}
	memory, err := loopback.StartMemoryIMAP(ctx, loopback.MemoryIMAPOptions{})
	if err != nil {
		return mailAccess{}, err
	}
	s.closers = append(s.closers, memory)
	s.mailServer = "a built-in IMAP server, since Dovecot is not installed"
	s.mailbox = generate.MailTo(func(received time.Time, mail []byte) error {
		return memory.Append(mailUser, "INBOX", received, mail)
	})
	return mailAccess{memory.TLSPort, memory.CA, memory.Password}, nil
}

type dropAccess struct{ url, ca string }

func (s *servers) startDrop(ctx context.Context, dir string) (dropAccess, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return dropAccess{}, err
	}
	s.drop = generate.DropFolder(dir, true)
	nginx, err := loopback.StartNginx(ctx, loopback.NginxOptions{Dir: dir, Username: dropUser, Password: dropPass})
	if err == nil {
		s.closers = append(s.closers, nginx)
		s.webServer = "nginx"
		return dropAccess{nginx.URL, nginx.CA}, nil
	}
	if !errors.Is(err, loopback.ErrNotInstalled) {
		return dropAccess{}, err
	}
	memory, err := loopback.StartMemoryDrop(ctx, loopback.MemoryDropOptions{Dir: dir, Username: dropUser, Password: dropPass})
	if err != nil {
		return dropAccess{}, err
	}
	s.closers = append(s.closers, memory)
	s.webServer = "a built-in HTTPS server, since nginx is not installed"
	return dropAccess{memory.URL, memory.CA}, nil
}

// documents writes the JSON of every report that counts, once, for jq.
type documents string

// Write writes the item's document, if it is a genuine report.
func (dir documents) Write(item generate.Item) error {
	if item.Decoy != generate.Genuine {
		return nil
	}
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return err
	}
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, item.Item)
	return os.WriteFile(filepath.Join(string(dir), name+".json"), item.Document, 0o644)
}

// Close has nothing to write.
func (documents) Close() error { return nil }
