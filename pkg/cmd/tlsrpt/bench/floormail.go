package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A document is a report as encoding/json reads it (RFC 8460 section 4.4),
// believing everything.
type document struct {
	Organization string `json:"organization-name"`
	DateRange    struct {
		Start time.Time `json:"start-datetime"`
		End   time.Time `json:"end-datetime"`
	} `json:"date-range"`
	Contact  string `json:"contact-info"`
	ID       string `json:"report-id"`
	Policies []struct {
		Policy struct {
			Type    string   `json:"policy-type"`
			Strings []string `json:"policy-string"`
			Domain  string   `json:"policy-domain"`
			MX      any      `json:"mx-host"`
		} `json:"policy"`
		Summary struct {
			Successful int64 `json:"total-successful-session-count"`
			Failed     int64 `json:"total-failure-session-count"`
		} `json:"summary"`
		Details []struct {
			Result      string `json:"result-type"`
			SendingIP   string `json:"sending-mta-ip"`
			MX          string `json:"receiving-mx-hostname"`
			Helo        string `json:"receiving-mx-helo"`
			ReceivingIP string `json:"receiving-ip"`
			Failed      int64  `json:"failed-session-count"`
			Reason      string `json:"failure-reason-code"`
			Information string `json:"additional-information"`
		} `json:"failure-details"`
	} `json:"policies"`
}

// A plainMail is a mail with its report.
type plainMail struct {
	document         document
	inflated, packed []byte
	size             int64 // of the mail, in bytes
}

// readMail reads, inflates and decodes a mail with the standard library alone.
func readMail(file string) (m plainMail, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return m, err
	}
	m.size = int64(len(raw))
	if m.inflated, m.packed, err = inflateMail(raw); err != nil {
		return m, err
	}
	return m, json.Unmarshal(m.inflated, &m.document)
}

// readFloor reads a folder of mails and writes nothing: no importer of them
// can be faster on one core with the standard library.
func readFloor(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, err := readMail(file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

var errNoReport = errors.New("no report in the mail")

// inflateMail finds the report in a mail with the standard library alone.
// packed is it as it came.
func inflateMail(raw []byte) (inflated, packed []byte, err error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasPrefix(kind, "multipart/") {
		return inflatePart(m.Body, m.Header.Get("Content-Transfer-Encoding"))
	}
	for parts := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil, nil, errNoReport
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/") {
			continue
		}
		return inflatePart(part, part.Header.Get("Content-Transfer-Encoding"))
	}
}

func inflatePart(body io.Reader, encoding string) (inflated, packed []byte, err error) {
	switch strings.ToLower(encoding) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(content, []byte("\x1f\x8b")):
		r, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return nil, nil, err
		}
		inflated, err = io.ReadAll(r)
		return inflated, content, err
	case bytes.HasPrefix(content, []byte("PK")):
		archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return nil, nil, err
		}
		member, err := archive.File[0].Open()
		if err != nil {
			return nil, nil, err
		}
		inflated, err = io.ReadAll(member)
		return inflated, content, err
	}
	return content, content, nil
}
