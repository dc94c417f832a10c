package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

const (
	phrasesID = 1
	// A document has at most 20 MiB, a mail 15; more is no frame of ours.
	maxFrame = 64 << 20
)

// codec packs documents with their hints into frames: a zstd frame (RFC 8878)
// of the length of the hints as a varint, the hints as JSON, and the document.
type codec struct {
	encoder *zstd.Encoder
	decoder *zstd.Decoder
}

func newCodec() (*codec, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderDictRaw(phrasesID, []byte(phrases)),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("prepare compression: %w", err)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderDictRaw(phrasesID, []byte(phrases)),
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return nil, fmt.Errorf("prepare decompression: %w", err)
	}
	return &codec{encoder, decoder}, nil
}

func (c *codec) pack(raw []byte, hints tlsrpt.Hints) ([]byte, error) {
	beside := []byte("{}")
	if hints != (tlsrpt.Hints{}) {
		var err error
		if beside, err = json.Marshal(hints); err != nil {
			return nil, fmt.Errorf("pack hints: %w", err)
		}
	}
	content := make([]byte, 0, len(raw)+len(beside)+binary.MaxVarintLen64)
	content = binary.AppendUvarint(content, uint64(len(beside)))
	content = append(content, beside...)
	content = append(content, raw...)
	return c.encoder.EncodeAll(content, nil), nil
}

var errFrame = errors.New("a stored document is damaged")

func (c *codec) unpack(frame []byte) (raw []byte, hints tlsrpt.Hints, err error) {
	content, err := c.decoder.DecodeAll(frame, nil)
	if err != nil {
		return nil, hints, fmt.Errorf("%w: %w", errFrame, err)
	}
	length, n := binary.Uvarint(content)
	if n <= 0 || length > uint64(len(content)-n) {
		return nil, hints, errFrame
	}
	beside, raw := content[n:n+int(length)], content[n+int(length):]
	if err := json.Unmarshal(beside, &hints); err != nil {
		return nil, hints, fmt.Errorf("%w: %w", errFrame, err)
	}
	return raw, hints, nil
}
