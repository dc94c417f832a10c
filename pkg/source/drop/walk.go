package drop

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
)

// The limits of a walk beside those of each listing. They keep a hostile tree
// of folders from filling the memory; what is beyond is said and not lost.
const (
	maxDepth   = 2
	maxFolders = 1_000
	maxFiles   = 100_000
)

// A file is one file of the drop as listed.
type file struct {
	url, name string
	// ref names the version; empty where only the body's hash tells it.
	ref string
	// received is the mtime, zero where it isn't known.
	received time.Time
	// size is the announced one in bytes, -1 where it isn't known.
	size int64
	// exact says that the listing itself tells the version.
	exact bool
	row   string
	// refused is why the version could not be learned.
	refused *refusal
}

// A found is what a walk through the folders found.
type found struct {
	root    base
	kind    Listing
	folders int
	files   []file
	faults  faults

	// seen are the files' places in files, and the folders as -1, by URL.
	seen map[string]int
}

// A subfolder is a folder to be listed.
type subfolder struct {
	url   string
	mtime time.Time
}

// walk lists the folder of the settings and those below it, level by level. An
// error means that nothing can be said; what fails in part is in the faults.
func (s *Source) walk(ctx context.Context) (*found, error) {
	w := &found{seen: map[string]int{}}
	level := []subfolder{{url: s.config.URL}}
	for depth := 0; depth <= maxDepth && len(level) > 0; depth++ {
		var next []subfolder
		for _, folder := range level {
			if w.folders == maxFolders {
				w.faults.add("url", "There are more than %d folders; only the newest were read. Delete old ones.", maxFolders)
				return w, nil
			}
			below, err := s.readFolder(ctx, w, folder.url)
			if err != nil {
				return nil, err
			}
			next = append(next, below...)
		}
		// The newest first, so that a limit cuts off the oldest.
		slices.SortStableFunc(next, func(a, b subfolder) int {
			return cmp.Or(b.mtime.Compare(a.mtime), cmp.Compare(b.url, a.url))
		})
		level = next
	}
	return w, nil
}

// readFolder adds the files of a folder to w and returns its sub-folders. It
// returns an error where the walk can't go on.
func (s *Source) readFolder(ctx context.Context, w *found, address string) ([]subfolder, error) {
	isRoot := w.folders == 0
	got, err := s.readListing(ctx, address)
	if err != nil && isRoot {
		return nil, rootError(err)
	}
	if refused, ok := asRefusal(err); ok && refused.gone() {
		return nil, nil
	}
	if refused, ok := asRefusal(err); ok {
		w.faults.addError(refused.as("url", "The folder %s can’t be listed. Let the web server’s user read it.", address))
		return nil, nil
	}
	if errors.Is(err, errPage) {
		w.faults.add("url", "The folder %s shows a page and no listing. Remove its index.html.", address)
		return nil, nil
	}
	if errors.Is(err, errNotThisListing) {
		w.faults.add("listing", "The folder %s has no such listing.", address)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if isRoot {
		w.root, w.kind = got.base, got.kind
	} else if !strings.HasPrefix(got.base.String(), w.root.String()) {
		w.faults.add("url", "The folder %s redirects to a place outside the drop.", address)
		return nil, nil
	}
	w.folders++
	return w.addEntries(got), nil
}

// rootError says what to do where the first listing can't be read.
func rootError(err error) error {
	if isFatal(err) {
		return err
	}
	if errors.Is(err, errPage) {
		return &source.Error{Setting: "url", Err: err,
			Sentence: "The address shows a page and no listing. Turn on the folder’s index (in nginx: autoindex on; autoindex_format json;), and remove an index.html from it."}
	}
	if errors.Is(err, errNotThisListing) {
		return &source.Error{Setting: "listing", Err: err,
			Sentence: "The reply is no such listing. Turn on the folder’s index (in nginx: autoindex on; autoindex_format json;), or choose another listing."}
	}
	refused, ok := asRefusal(err)
	switch {
	case ok && refused.gone():
		return refused.as("url", "There is nothing at this address. Check the path, and that it ends in a slash.")
	case ok && refused.status == http.StatusForbidden:
		return refused.as("url", "The server doesn’t show the listing. Turn on the folder’s index, and allow this user to read it.")
	case ok:
		return refused.as("url", "The server doesn’t give out the listing.")
	}
	return err
}

// A folderListing is a listing that was read.
type folderListing struct {
	base    base
	address string
	kind    Listing
	entries []entry
	cut     bool
}

// readListing fetches a listing, of which it reads no more than the limit.
func (s *Source) readListing(ctx context.Context, address string) (folderListing, error) {
	reply, err := s.do(ctx, http.MethodGet, address, nil)
	if err != nil {
		return folderListing{}, err
	}
	defer reply.Body.Close()
	if encoding := reply.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return folderListing{}, fmt.Errorf("it is compressed without being asked to: %w", errNotThisListing)
	}
	here, ok := baseOf(reply.Request.URL)
	if !ok {
		return folderListing{}, fmt.Errorf("it was redirected to an unclean path: %w", errNotThisListing)
	}
	data, err := io.ReadAll(io.LimitReader(reply.Body, maxListingBytes+1))
	if err != nil {
		return folderListing{}, s.unreachable(ctx, err)
	}
	got := folderListing{base: here, address: address}
	if len(data) > maxListingBytes {
		got.cut = true
		data = data[:maxListingBytes]
	}
	got.kind, got.entries, err = parseListing(s.config.Listing, data, got.cut)
	if err == nil && s.config.Listing == Auto && got.kind == HTML && !isIndex(here, data, got.entries) {
		err = errPage
	}
	return got, err
}

// addEntries takes up what may be asked for, and returns the sub-folders.
func (w *found) addEntries(got folderListing) []subfolder {
	var below []subfolder
	count := 0
	for _, e := range got.entries {
		address, ok := got.base.resolve(e.reference)
		if !ok || address == got.address || isHidden(address) {
			continue
		}
		if at, twice := w.seen[address]; twice {
			w.complete(at, e)
			continue
		}
		if count == maxListingEntries {
			got.cut = true
			break
		}
		count++
		if strings.HasSuffix(address, "/") {
			w.seen[address] = -1
			below = append(below, subfolder{url: address, mtime: e.mtime})
			continue
		}
		if len(w.files) == maxFiles {
			w.faults.add("url", "There are more than %d files; the rest was left out. Set afterProcessing to delete, or delete old files.", maxFiles)
			return nil
		}
		w.seen[address] = len(w.files)
		w.files = append(w.files, newFile(address, e))
	}
	if got.cut {
		w.faults.add("url", "The listing of %s is over %d entries or 1 MiB; the rest was left out. Use sub-folders, one a day, or set afterProcessing to delete.",
			got.base, maxListingEntries)
	}
	return below
}

// complete takes the row of the second link to a file: an index with icons
// links each file twice, and only the last link has date and size beside it.
func (w *found) complete(at int, e entry) {
	if at >= 0 && e.row != "" && w.files[at].row == "" {
		w.files[at] = newFile(w.files[at].url, e)
	}
}

// isHidden says whether the last segment begins with a dot.
func isHidden(address string) bool {
	trimmed := strings.TrimSuffix(address, "/")
	return trimmed[strings.LastIndexByte(trimmed, '/')+1] == '.'
}

// newFile returns the file of an entry.
func newFile(address string, e entry) file {
	f := file{url: address, name: nameOf(address), received: e.mtime, size: e.size, exact: e.exact, row: e.row}
	if f.exact {
		f.ref = exactRef(address, e.size, e.mtime)
	}
	return f
}

// sortNewestFirst orders files by the time received; where it isn't known, the
// listing's order stays, in front.
func sortNewestFirst(files []file) {
	slices.SortStableFunc(files, func(a, b file) int {
		switch {
		case a.received.IsZero() || b.received.IsZero():
			return boolRank(b.received.IsZero()) - boolRank(a.received.IsZero())
		default:
			return b.received.Compare(a.received)
		}
	})
}

// boolRank is 1 for true.
func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}

// faults are the troubles of a poll that went on nevertheless.
type faults struct {
	first *source.Error
	count int
}

// add notes a trouble by its setting and sentence.
func (f *faults) add(setting, format string, args ...any) {
	f.addError(&source.Error{Setting: setting, Sentence: fmt.Sprintf(format, args...)})
}

// addError notes a trouble.
func (f *faults) addError(e *source.Error) {
	f.count++
	if f.first == nil {
		f.first = e
	}
}

// err returns the first trouble and how many there are; nil without any.
func (f *faults) err() error {
	if f.first == nil {
		return nil
	}
	e := *f.first
	if f.count > 1 {
		e.Sentence += fmt.Sprintf(" And %s more.", plural(f.count-1, "trouble"))
	}
	return &e
}
