package faults

import (
	"strings"
	"sync"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// A disk is what SQLite's files lie on, as far as it can fail: a VFS
// (https://sqlite.org/vfs.html) that hands everything on to the system's, and
// is the default one of this process.
type disk struct {
	mu sync.Mutex
	// folder is that of the files that fail; empty is none.
	folder string
	// code is what SQLite is told when a write fails.
	code int32
	// after is how many writes still succeed; failing how many fail then, -1 is
	// all of them.
	after, failing int
	failed         int
	// files are those open, by their address, in the folder.
	files map[uintptr]string
	real  *sqlite3.Tsqlite3_vfs
	// ours are the methods that stand before the system's, which differ by kind
	// of file, and system the other way round.
	ours, system map[uintptr]uintptr
}

var theDisk = &disk{files: map[uintptr]string{}, ours: map[uintptr]uintptr{}, system: map[uintptr]uintptr{}}

// installDisk makes the disk SQLite's default, once.
var installDisk = sync.OnceFunc(func() {
	tls := libc.NewTLS()
	theDisk.real = at[sqlite3.Tsqlite3_vfs](sqlite3.Xsqlite3_vfs_find(tls, 0))
	vfs := libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	shim := at[sqlite3.Tsqlite3_vfs](vfs)
	*shim = *theDisk.real
	name, err := libc.CString("failing")
	if err != nil {
		panic(err)
	}
	shim.FzName, shim.FpNext, shim.FxOpen = name, 0, functionPointer(openFile)
	if code := sqlite3.Xsqlite3_vfs_register(tls, vfs, 1); code != sqlite3.SQLITE_OK {
		panic(code)
	}
})

// functionPointer is a top-level function as SQLite calls it.
func functionPointer[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// at is what lies at an address of SQLite's memory.
func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// call makes a function of what SQLite calls.
func call[F any](pointer uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{pointer})) }

func openFile(tls *libc.TLS, _, name, file uintptr, flags int32, outFlags uintptr) int32 {
	d := theDisk
	open := call[func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32](d.real.FxOpen)
	code := open(tls, uintptr(unsafe.Pointer(d.real)), name, file, flags, outFlags)
	f := at[sqlite3.Tsqlite3_file](file)
	if code != sqlite3.SQLITE_OK || f.FpMethods == 0 {
		return code
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	ours := d.ours[f.FpMethods]
	if ours == 0 {
		ours = libc.Xcalloc(tls, 1, libc.Tsize_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{})))
		methods := at[sqlite3.Tsqlite3_io_methods](ours)
		*methods = *at[sqlite3.Tsqlite3_io_methods](f.FpMethods)
		methods.FxWrite, methods.FxSync, methods.FxTruncate = functionPointer(writeFile), functionPointer(syncFile), functionPointer(truncateFile)
		d.ours[f.FpMethods], d.system[ours] = ours, f.FpMethods
	}
	f.FpMethods = ours
	d.files[file] = ""
	if name != 0 {
		d.files[file] = libc.GoString(name)
	}
	return code
}

// methods is what the system does for a file.
func (d *disk) methods(file uintptr) *sqlite3.Tsqlite3_io_methods {
	d.mu.Lock()
	defer d.mu.Unlock()
	return at[sqlite3.Tsqlite3_io_methods](d.system[at[sqlite3.Tsqlite3_file](file).FpMethods])
}

func writeFile(tls *libc.TLS, file, data uintptr, size int32, at int64) int32 {
	if code := theDisk.refuses(file); code != 0 {
		return code
	}
	return call[func(*libc.TLS, uintptr, uintptr, int32, int64) int32](theDisk.methods(file).FxWrite)(tls, file, data, size, at)
}

func syncFile(tls *libc.TLS, file uintptr, flags int32) int32 {
	if code := theDisk.refuses(file); code != 0 {
		return code
	}
	return call[func(*libc.TLS, uintptr, int32) int32](theDisk.methods(file).FxSync)(tls, file, flags)
}

func truncateFile(tls *libc.TLS, file uintptr, size int64) int32 {
	if code := theDisk.refuses(file); code != 0 {
		return code
	}
	return call[func(*libc.TLS, uintptr, int64) int32](theDisk.methods(file).FxTruncate)(tls, file, size)
}

// refuses counts a write and says why it fails; 0 where it does not.
func (d *disk) refuses(file uintptr) int32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.folder == "" || !strings.HasPrefix(d.files[file], d.folder) {
		return 0
	}
	if d.after > 0 {
		d.after--
		return 0
	}
	if d.failing == 0 {
		return 0
	}
	if d.failing > 0 {
		d.failing--
	}
	d.failed++
	return d.code
}

// fail makes writes below a folder fail, after so many more.
func (d *disk) fail(folder string, code int32, after, times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.folder, d.code, d.after, d.failing, d.failed = folder, code, after, times, 0
}

// heal brings the disk back, and tells how many writes failed.
func (d *disk) heal() (failed int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.folder = ""
	return d.failed
}
