package mailreport

import (
	"archive/zip"
	"bytes"
)

// compressedMail takes a mail that came out of a compressed file. In it hold the
// rules and the bounds of any mail, but for the budget, which is the item's.
func (x *extractor) compressedMail(raw []byte) {
	inner := extractor{budget: x.budget}
	found := inner.mail(raw)
	x.isMail, x.redirected, x.budget = true, x.redirected || inner.redirected, inner.budget
	for _, document := range found.Documents {
		x.documents = append(x.documents, candidate{Document: document})
	}
	if found.Problem != nil {
		x.announced = true
		x.stop(found.Problem.Reason, found.Problem.Detail)
	}
}

// uncompressedMail returns the one mail that [Extract] finds in a compressed
// file. Where there is anything else in it, the mail can't speak for that: then
// the file is returned as it is.
func uncompressedMail(file []byte) []byte {
	x := extractor{budget: MaxMail}
	var raw []byte
	var err error
	switch kindOf(file) {
	case kindGzip:
		raw, err = x.gunzip(file)
	case kindZip:
		raw, err = x.onlyMember(file)
	}
	if err != nil || !looksLikeMail(raw) {
		return file
	}
	return raw
}

// onlyMember inflates the one member of a zip archive; there is none where the
// archive has several entries.
func (x *extractor) onlyMember(content []byte) ([]byte, error) {
	if bytes.Count(content, zipEntryMagic) != 1 {
		return nil, nil
	}
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(archive.File) != 1 {
		return nil, err
	}
	r, err := archive.File[0].Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return x.readBounded(r)
}
