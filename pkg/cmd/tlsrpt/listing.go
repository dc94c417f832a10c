package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A listing finds the regular files below paths. Links to files are followed,
// links to folders are not, unless they were named themselves.
type listing struct {
	files []inputFile
	bytes int64
	// failed is told of what can't be read, skipped of what is passed over.
	failed  func(path string, err error)
	skipped func(path, why string)
	// leaveOut are files that are no input: the store's own.
	leaveOut []os.FileInfo
	maildirs map[string]bool
}

// leaveOutStore passes over the files of a store, should it lie between the input.
func (l *listing) leaveOutStore(file string) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if info, err := os.Stat(file + suffix); err == nil {
			l.leaveOut = append(l.leaveOut, info)
		}
	}
}

// add lists what is at a path that was named.
func (l *listing) add(path string) {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		l.failed(path, err)
		return
	}
	// It never fails: what is wrong is told to failed.
	_ = filepath.WalkDir(resolved, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			l.failed(path, err)
			return nil
		}
		if entry.IsDir() {
			// A Maildir's tmp holds what is not finished.
			if entry.Name() == "tmp" && l.isMaildir(filepath.Dir(path)) {
				return filepath.SkipDir
			}
			return nil
		}
		l.addFile(path)
		return nil
	})
}

func (l *listing) addFile(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.failed(path, err)
	case info.IsDir():
		l.skipped(path, "it is a link to a folder; name it itself to import it")
	case !info.Mode().IsRegular():
		l.skipped(path, "it is no regular file")
	case l.isMaildir(filepath.Dir(path)):
		// Beside cur, new and tmp lie the mail server's own files.
	case !slices.ContainsFunc(l.leaveOut, func(o os.FileInfo) bool { return os.SameFile(o, info) }):
		l.files = append(l.files, inputFile{path: path, modified: info.ModTime(), size: info.Size(), mail: l.inMaildir(path)})
		l.bytes += info.Size()
	}
}

func (l *listing) inMaildir(path string) bool {
	folder := filepath.Dir(path)
	name := filepath.Base(folder)
	return (name == "cur" || name == "new") && l.isMaildir(filepath.Dir(folder))
}

// isMaildir tells a folder with cur and new. Copies often lack an empty tmp.
func (l *listing) isMaildir(folder string) bool {
	if known, ok := l.maildirs[folder]; ok {
		return known
	}
	is := true
	for _, name := range []string{"cur", "new"} {
		info, err := os.Stat(filepath.Join(folder, name))
		is = is && err == nil && info.IsDir()
	}
	if l.maildirs == nil {
		l.maildirs = map[string]bool{}
	}
	l.maildirs[folder] = is
	return is
}

// reason is what is wrong with a file, without its path.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
