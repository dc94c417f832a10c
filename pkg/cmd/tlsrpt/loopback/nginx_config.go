package loopback

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/provisioning/nginx"
)

// nginxMain is what a distribution's nginx.conf is to a site. One process
// that stays in front is one child to end, and needs no other user.
const nginxMain = `daemon off;
master_process off;
pid @PREFIX@/nginx.pid;
error_log stderr notice;
events {
    worker_connections 512;
}
http {
    access_log off;
    client_body_temp_path @PREFIX@/body;
    proxy_temp_path @PREFIX@/proxy;
    fastcgi_temp_path @PREFIX@/fastcgi;
    uwsgi_temp_path @PREFIX@/uwsgi;
    scgi_temp_path @PREFIX@/scgi;
    include @PREFIX@/site.conf;
}
`

// A swap replaces one line or path of the site's file.
type swap struct{ old, new string }

// prepare fills the prefix and returns the port that nginx will listen on.
func (n *Nginx) prepare(o NginxOptions) (port int, err error) {
	port, inner, err := freePorts()
	if err != nil {
		return 0, err
	}
	ca := o.CA
	if ca == nil {
		if ca, err = NewCA(); err != nil {
			return 0, err
		}
	}
	n.CA = ca.PEM()
	cert, key, err := ca.Issue()
	if err != nil {
		return 0, err
	}
	site, err := nginxSite(n.prefix, o, port, inner)
	if err != nil {
		return 0, err
	}
	if err := n.prepareDir(); err != nil {
		return 0, err
	}
	files := map[string][]byte{
		filepath.Join(n.prefix, "nginx.conf"): []byte(strings.ReplaceAll(nginxMain, "@PREFIX@", n.prefix)),
		filepath.Join(n.prefix, "site.conf"):  []byte(site),
		filepath.Join(n.prefix, "cert.pem"):   cert,
		filepath.Join(n.prefix, "key.pem"):    key,
		filepath.Join(n.prefix, "htpasswd"):   []byte(o.Username + ":" + saltedSHA1(o.Password) + "\n"),
	}
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return 0, err
		}
	}
	return port, nil
}

// prepareDir makes the folder that stands for /var/lib/tlsrpt-drop, with the
// served folder, or a link to it, in it.
func (n *Nginx) prepareDir() error {
	root := filepath.Join(n.prefix, "drop")
	if err := os.Mkdir(root, 0o700); err != nil {
		return err
	}
	served := filepath.Join(root, "tlsrpt")
	if n.Dir == "" {
		n.Dir = served
		return os.Mkdir(served, 0o700)
	}
	dir, err := filepath.Abs(n.Dir)
	if err != nil {
		return err
	}
	return os.Symlink(dir, served)
}

// nginxSite returns the site that administrators are given, with this server's
// ports and paths, and without what o does not want.
func nginxSite(prefix string, o NginxOptions, port, inner int) (string, error) {
	swaps := []swap{
		{"    listen [::]:443 ssl;\n", ""},
		{"listen 443 ssl;", fmt.Sprintf("listen 127.0.0.1:%d ssl;", port)},
		{"127.0.0.1:8460", fmt.Sprintf("127.0.0.1:%d", inner)},
		{"/etc/ssl/certs/tlsrpt.example.com.pem", filepath.Join(prefix, "cert.pem")},
		{"/etc/ssl/private/tlsrpt.example.com.key", filepath.Join(prefix, "key.pem")},
		{"/etc/nginx/tlsrpt-drop.htpasswd", filepath.Join(prefix, "htpasswd")},
		{"/var/lib/tlsrpt-drop", filepath.Join(prefix, "drop")},
	}
	if o.Username == "" {
		swaps = append(swaps, swap{`auth_basic "TLS reports";`, "auth_basic off;"})
	}
	if o.HTML {
		swaps = append(swaps, swap{"autoindex_format json;", "autoindex_format html;"})
	}
	if o.NoDelete {
		swaps = append(swaps, swap{"dav_methods DELETE;", "dav_methods off;"})
	}
	site := nginx.Site
	for _, s := range swaps {
		if !strings.Contains(site, s.old) {
			return "", fmt.Errorf("the site has no %q", s.old)
		}
		site = strings.ReplaceAll(site, s.old, s.new)
	}
	return site, nil
}

// saltedSHA1 hashes a password for a password file. nginx itself knows this
// scheme; stronger ones depend on the system's crypt.
func saltedSHA1(password string) string {
	salt := make([]byte, 16)
	rand.Read(salt) // never fails
	sum := sha1.Sum(append([]byte(password), salt...))
	return "{SSHA}" + base64.StdEncoding.EncodeToString(append(sum[:], salt...))
}
