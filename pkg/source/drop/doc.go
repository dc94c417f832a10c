// Package drop reads reports from an HTTPS drop: a folder on a web server whose
// index lists files. It is where reports of "rua=https:" (RFC 8460 section 5.4)
// come to lie when a receiver of one's own stores what it is sent.
//
// A drop is a server that may be wrong, overloaded or hostile. Therefore every
// request stays within the origin of the configured URL, and so do redirects
// and the credentials; listings, folders and files are bounded; and paths are
// rebuilt from their decoded segments before they are asked for or named in a
// reference.
//
// # Versions
//
// A reference names one version of a file, so that a file that is written anew
// under its old name is read again and one that did not change never is. Where
// the listing tells size and mtime exactly (nginx's JSON), they are the version.
// Index pages round both, and manifests have neither: there the version is the
// ETag, else Last-Modified and Content-Length, which a HEAD request tells, else
// the SHA-256 of the body. What was learned is remembered for as long as the
// process lives; rows that look the same as before are asked for again in turn,
// a few hundred a poll, and after a restart each file costs one HEAD.
//
// # What is read
//
// The content decides what a file is, never its suffix, so a ".tmp" or ".part"
// is read as any other: while it grows its size differs from the announced one,
// and it is left for the next poll. Names that begin with a dot are left alone,
// as nginx and Apache do themselves: rsync and many uploaders name so what is
// not complete yet.
package drop
