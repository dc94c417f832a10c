package drop

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of one listing.
const (
	maxListingBytes   = 1 << 20
	maxListingEntries = 10_000
)

// errNotThisListing means that a reply isn't the kind of listing it should be.
var errNotThisListing = errors.New("the reply is no such listing")

// An entry is one row of a listing, not yet judged.
type entry struct {
	// reference is relative to the listing and escaped as in a URL.
	reference string
	folder    bool
	// size is in bytes, -1 where the listing doesn't tell it exactly.
	size int64
	// mtime is zero where the listing doesn't tell it; it may be rounded.
	mtime time.Time
	// exact says that size and mtime are known, the mtime to the second.
	exact bool
	// row is what the listing says of the file, to tell whether it changed.
	row string
}

// parseListing reads a listing. With cut, data is only its beginning, and
// entries up to there are returned. [Auto] finds out the kind by content. It
// returns [errNotThisListing] for another kind than the wanted.
func parseListing(want Listing, data []byte, cut bool) (Listing, []entry, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\uFEFF")))
	kind := want
	if kind == Auto {
		kind = sniff(data)
	}
	switch {
	case kind == NginxJSON:
		entries, err := parseNginxJSON(data, cut)
		return kind, entries, err
	case kind == HTML && bytes.ContainsRune(data, '<'):
		return kind, parseHTML(data), nil
	case kind == Manifest && len(data) > 0 && data[0] == '[':
		entries, err := parseNames(data, cut)
		return kind, entries, err
	case kind == Manifest:
		entries, err := parseLines(data, cut)
		return kind, entries, err
	}
	return kind, nil, errNotThisListing
}

// sniff tells the kinds of listing apart by their first characters.
func sniff(data []byte) Listing {
	switch {
	case len(data) == 0:
		return Manifest
	case data[0] == '<':
		return HTML
	case data[0] != '[':
		return Manifest
	}
	first := bytes.TrimSpace(data[1:])
	if len(first) > 0 && first[0] == '"' {
		return Manifest
	}
	return NginxJSON
}

// parseNginxJSON reads the array of objects of nginx's autoindex module.
func parseNginxJSON(data []byte, cut bool) ([]entry, error) {
	var entries []entry
	err := eachElement(data, cut, func(decoder *json.Decoder) error {
		var row struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			MTime string `json:"mtime"`
			Size  *int64 `json:"size"`
		}
		if err := decoder.Decode(&row); err != nil {
			return err
		}
		e := entry{reference: "./" + escapeName(row.Name), size: -1}
		switch row.Type {
		case "directory":
			e.reference += "/"
			e.folder = true
		case "file", "":
		default:
			return nil
		}
		if mtime, err := time.Parse(time.RFC1123, row.MTime); err == nil {
			e.mtime = mtime.UTC()
		}
		if row.Size != nil && *row.Size >= 0 {
			e.size = *row.Size
		}
		e.exact = e.size >= 0 && !e.mtime.IsZero()
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// parseNames reads a manifest that is a JSON array of strings.
func parseNames(data []byte, cut bool) ([]entry, error) {
	var entries []entry
	err := eachElement(data, cut, func(decoder *json.Decoder) error {
		var name string
		if err := decoder.Decode(&name); err != nil {
			return err
		}
		entries = append(entries, manifestEntry(name))
		return nil
	})
	return entries, err
}

// eachElement calls decode for each element of a JSON array.
func eachElement(data []byte, cut bool, decode func(*json.Decoder) error) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if open, err := decoder.Token(); err != nil || open != json.Delim('[') {
		return errNotThisListing
	}
	for decoder.More() {
		if err := decode(decoder); err != nil {
			if cut {
				return nil
			}
			return errNotThisListing
		}
	}
	if _, err := decoder.Token(); err != nil && !cut {
		return errNotThisListing
	}
	return nil
}

// parseLines reads a manifest with one name a line.
func parseLines(data []byte, cut bool) ([]entry, error) {
	if cut {
		// The last line may be the beginning of a name.
		data = data[:bytes.LastIndexByte(data, '\n')+1]
	}
	var entries []entry
	for line := range bytes.Lines(data) {
		name := string(bytes.TrimSpace(line))
		if name == "" {
			continue
		}
		if !isNameLine(name) {
			return nil, errNotThisListing
		}
		entries = append(entries, manifestEntry(name))
	}
	return entries, nil
}

// isNameLine keeps reports, pages and binary data from passing for a list of names.
func isNameLine(line string) bool {
	return utf8.ValidString(line) && len(line) <= 4096 && !strings.ContainsAny(line, "<>{}\"") &&
		!strings.ContainsFunc(line, unicode.IsControl)
}

// manifestEntry returns the entry of a name, which may have folders in front
// and is not escaped, or of a whole URL.
func manifestEntry(name string) entry {
	e := entry{size: -1, folder: strings.HasSuffix(name, "/")}
	if strings.Contains(name, "://") {
		e.reference = name
		return e
	}
	segments := strings.Split(name, "/")
	for i, segment := range segments {
		segments[i] = escapeName(segment)
	}
	e.reference = strings.Join(segments, "/")
	if !strings.HasPrefix(e.reference, "/") {
		e.reference = "./" + e.reference
	}
	return e
}
