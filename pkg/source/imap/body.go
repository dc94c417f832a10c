package imap

import "io"

// A body is a mail while it is being received. It tells a connection that
// ended within the mail from a mail that is short, which a reader of the mail
// could not.
type body struct {
	literal io.Reader
	left    int64
	stream  *stream
	broken  bool
}

// Read reads the mail; the server has the whole timeout for each piece.
func (b *body) Read(p []byte) (int, error) {
	if b.broken {
		return 0, io.ErrUnexpectedEOF
	}
	b.stream.allow(b.left + maxAnswer)
	b.stream.await()
	n, err := b.literal.Read(p)
	b.stream.rest()
	b.left -= int64(n)
	if err == nil || err == io.EOF && b.left == 0 {
		return n, err
	}
	b.broken = true
	return n, io.ErrUnexpectedEOF
}
