package loopback

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"
)

// MemoryDropOptions say what a built-in drop serves.
type MemoryDropOptions struct {
	// Dir is the folder to serve. Empty is one that Close removes.
	Dir string
	// Username and Password are asked for by basic authentication; without a
	// user name nothing is.
	Username, Password string
	// CA signs the server's certificate; nil is a new one.
	CA *CA
}

// MemoryDrop is an HTTPS server in this process, for where nginx is not
// installed. As nginx with dav_methods DELETE and autoindex_format json does,
// it lists folders, serves files with ETag and Last-Modified, and deletes files.
type MemoryDrop struct {
	// URL is the address of the folder, with a slash at the end.
	URL string
	// Username and Password are what the server asks for.
	Username, Password string
	// CA is the certificate, as PEM, of the private authority that signed the
	// server's certificate, which names localhost and 127.0.0.1.
	CA string
	// Dir is the folder served.
	Dir string

	root   *os.Root
	server *http.Server
	served sync.WaitGroup
	own    bool // Dir was made here
}

// StartMemoryDrop starts an HTTPS server that runs until Close.
func StartMemoryDrop(ctx context.Context, o MemoryDropOptions) (_ *MemoryDrop, err error) {
	config, ca, err := serverTLS(o.CA)
	if err != nil {
		return nil, fmt.Errorf("start the built-in drop: %w", err)
	}
	m := &MemoryDrop{Username: o.Username, Password: o.Password, CA: ca, Dir: o.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start the built-in drop: %w", err), m.release())
		}
	}()
	if m.Dir == "" {
		if m.Dir, err = os.MkdirTemp("", "tlsrpt-drop-"); err != nil {
			return nil, err
		}
		m.own = true
	}
	if m.root, err = os.OpenRoot(m.Dir); err != nil {
		return nil, err
	}
	l, err := listenLoopback(ctx)
	if err != nil {
		return nil, err
	}
	m.URL = fmt.Sprintf("https://127.0.0.1:%d/", portOf(l))
	m.server = &http.Server{
		Handler:           http.HandlerFunc(m.serve),
		ReadHeaderTimeout: 10 * time.Second,
		// Clients that hang up are no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	m.served.Go(func() { _ = m.server.Serve(tls.NewListener(l, config)) }) // ends with Close
	return m, nil
}

// Put writes a file, in a sub-folder where name has slashes. A client sees it
// whole or not at all.
func (m *MemoryDrop) Put(name string, modified time.Time, content []byte) error {
	if dir := path.Dir(name); dir != "." {
		if err := m.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("put %s: %w", name, err)
		}
	}
	// A dot in front keeps it out of listings until it is complete.
	unfinished := path.Join(path.Dir(name), "."+path.Base(name))
	err := m.root.WriteFile(unfinished, content, 0o644)
	if err == nil {
		err = m.root.Chtimes(unfinished, modified, modified)
	}
	if err == nil {
		err = m.root.Rename(unfinished, name)
	}
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	return nil
}

// Close ends the server and its connections.
func (m *MemoryDrop) Close() error {
	err := m.server.Close()
	m.served.Wait()
	return errors.Join(err, m.release())
}

func (m *MemoryDrop) release() error {
	var err error
	if m.root != nil {
		err = m.root.Close()
	}
	if m.own {
		err = errors.Join(err, os.RemoveAll(m.Dir))
	}
	return err
}

func (m *MemoryDrop) serve(w http.ResponseWriter, r *http.Request) {
	if !m.authorized(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="drop"`)
		http.Error(w, "user name and password, please", http.StatusUnauthorized)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if name == "" {
		name = "."
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		m.get(w, r, name)
	case http.MethodDelete:
		m.remove(w, name)
	default:
		w.Header().Set("Allow", "GET, HEAD, DELETE")
		http.Error(w, "not here", http.StatusMethodNotAllowed)
	}
}

func (m *MemoryDrop) authorized(r *http.Request) bool {
	if m.Username == "" {
		return true
	}
	username, password, _ := r.BasicAuth()
	rightName := subtle.ConstantTimeCompare([]byte(username), []byte(m.Username))
	return rightName&subtle.ConstantTimeCompare([]byte(password), []byte(m.Password)) == 1
}

func (m *MemoryDrop) get(w http.ResponseWriter, r *http.Request, name string) {
	f, err := m.root.Open(name)
	if err != nil {
		replyError(w, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		replyError(w, err)
		return
	}
	if info.IsDir() {
		if !strings.HasSuffix(r.URL.Path, "/") {
			http.Redirect(w, r, r.URL.Path+"/", http.StatusMovedPermanently)
			return
		}
		m.list(w, name)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x-%x"`, info.ModTime().Unix(), info.Size()))
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// A folderEntry is as nginx writes it with autoindex_format json.
type folderEntry struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	MTime string `json:"mtime"`
	Size  *int64 `json:"size,omitempty"` // of files alone
}

func (m *MemoryDrop) list(w http.ResponseWriter, name string) {
	entries, err := fs.ReadDir(m.root.FS(), name)
	if err != nil {
		replyError(w, err)
		return
	}
	var folders, files []folderEntry
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted since
		}
		if err != nil {
			replyError(w, err)
			return
		}
		e := folderEntry{Name: entry.Name(), Type: "file", MTime: info.ModTime().UTC().Format(http.TimeFormat)}
		if entry.IsDir() {
			e.Type = "directory"
			folders = append(folders, e)
			continue
		}
		size := info.Size()
		e.Size = &size
		files = append(files, e)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(append(append([]folderEntry{}, folders...), files...)) // a client that hung up
}

func (m *MemoryDrop) remove(w http.ResponseWriter, name string) {
	info, err := m.root.Stat(name)
	if err != nil {
		replyError(w, err)
		return
	}
	if info.IsDir() {
		http.Error(w, "a folder", http.StatusConflict)
		return
	}
	if err := m.root.Remove(name); err != nil {
		replyError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// replyError answers with the status that the error asks for.
func replyError(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		http.Error(w, "not found", http.StatusNotFound)
	case errors.Is(err, fs.ErrPermission):
		http.Error(w, "forbidden", http.StatusForbidden)
	default:
		http.Error(w, "can't be read", http.StatusInternalServerError)
	}
}
