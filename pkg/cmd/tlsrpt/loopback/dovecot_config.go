package loopback

import (
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// dovecotConf is all of Dovecot's configuration. The processes are not put
// into chroots, so that an ordinary user can start them.
var dovecotConf = template.Must(template.New("dovecot.conf").Parse(`
base_dir = {{.Dir}}/run
state_dir = {{.Dir}}/run
log_path = {{.Dir}}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {{.Internal}}
default_internal_group = {{.InternalGroup}}
default_login_user = {{.Login}}

ssl = yes
ssl_cert = <{{.Dir}}/cert.pem
ssl_key = <{{.Dir}}/key.pem
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = no
auth_mechanisms = plain login{{if .Introspection}} xoauth2 oauthbearer{{end}}
auth_failure_delay = 0
mail_max_userip_connections = 0

first_valid_uid = 1
first_valid_gid = 0
mail_location = maildir:{{.MailRoot}}/%u
mail_fsync = never
namespace inbox {
  inbox = yes
  separator = /
}
{{if .Introspection}}
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {{.Dir}}/oauth2.conf
}
{{end}}
passdb {
  driver = static
  args = password={{.Password}}
}
userdb {
  driver = static
  args = uid={{.Mail.UID}} gid={{.Mail.GID}} home={{.Dir}}/home/%u
}

service imap-login {
  chroot =
  inet_listener imap {
    port = {{.Port}}
  }
  inet_listener imaps {
    port = {{.TLSPort}}
  }
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
{{.Config}}
`))

// dovecotOAuth makes Dovecot ask the endpoint whether a token is good, and
// for whom.
const dovecotOAuth = `introspection_mode = post
introspection_url = %s
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
`

// An owner is the system user that Dovecot opens mailboxes as.
type owner struct {
	UID, GID int
	other    bool // not this process's own user
}

// give makes path the owner's.
func (o owner) give(path string) error {
	if !o.other {
		return nil
	}
	return os.Lchown(path, o.UID, o.GID)
}

// accounts are the system users that Dovecot's processes run as.
type accounts struct {
	Internal, InternalGroup, Login string
	Mail                           owner
}

// findAccounts picks this process's user for everything. Dovecot refuses root
// for logins and for mail, so that root takes the users of Debian's package.
func findAccounts() (accounts, error) {
	if os.Getuid() == 0 {
		u, err := user.Lookup("dovecot")
		if err != nil {
			return accounts{}, err
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return accounts{}, err
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return accounts{}, err
		}
		return accounts{"dovecot", "dovecot", "dovenull", owner{uid, gid, true}}, nil
	}
	u, err := user.Current()
	if err != nil {
		return accounts{}, err
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return accounts{}, err
	}
	return accounts{u.Username, g.Name, u.Username, owner{os.Getuid(), os.Getgid(), false}}, nil
}

// prepare writes everything that Dovecot reads when it starts.
func (d *Dovecot) prepare(o DovecotOptions) error {
	who, err := findAccounts()
	if err != nil {
		return err
	}
	d.mailbox = who.Mail
	if d.dir, err = shortTempDir(); err != nil {
		return err
	}
	if err := d.prepareMail(); err != nil {
		return err
	}
	if d.Port, d.TLSPort, err = freePorts(); err != nil {
		return err
	}
	ca, err := NewCA()
	if err != nil {
		return err
	}
	d.CA = ca.PEM()
	cert, key, err := ca.Issue()
	if err != nil {
		return err
	}
	var conf strings.Builder
	err = dovecotConf.Execute(&conf, struct {
		accounts
		DovecotOptions
		Dir, MailRoot, Password string
		Port, TLSPort           int
	}{who, o, d.dir, d.MailRoot, d.Password, d.Port, d.TLSPort})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"dovecot.conf": []byte(conf.String()),
		"cert.pem":     cert,
		"key.pem":      key,
		"oauth2.conf":  fmt.Appendf(nil, dovecotOAuth, o.Introspection),
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// prepareMail makes sure that Dovecot's user can reach and change the mail.
func (d *Dovecot) prepareMail() error {
	home := filepath.Join(d.dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := d.mailbox.give(home); err != nil {
		return err
	}
	if d.MailRoot == "" {
		d.MailRoot = filepath.Join(d.dir, "mail")
	}
	root, err := filepath.Abs(d.MailRoot)
	if err != nil {
		return err
	}
	d.MailRoot = root
	if err := os.MkdirAll(root, 0o700); err != nil {
		return err
	}
	if !d.mailbox.other {
		return nil
	}
	for dir := filepath.Dir(root); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("%s can't be entered by the user that serves mail; allow it (chmod o+x) or choose another folder", dir)
		}
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return d.mailbox.give(path)
	})
}
