package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/mailreport"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/source"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/tlsrpt"
)

// heavyBytes is from how many inflated bytes an item is decoded only when it is
// the next to be committed, and one at a time in the whole process: a small
// body can inflate to many times its size.
const heavyBytes = 1 << 20

// read reads the body, up to one byte over the limit, within the bytes that may
// be in flight, and returns how many of these it holds.
func (k *sink) read(ctx context.Context, item source.Item) (body []byte, weight int64, err error) {
	if item.Body == nil {
		return nil, 0, errors.New("it has no body")
	}
	weight = item.Size
	if weight < 0 {
		weight = MaxItemSize
	}
	if err := k.acquire(ctx, k.limits.bytes, weight); err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(io.LimitReader(item.Body, weight+1))
	if err == nil && int64(len(body)) > weight && weight < MaxItemSize {
		// Some servers announce fewer bytes than they send.
		k.limits.bytes.Release(weight)
		weight = MaxItemSize
		if err := k.acquire(ctx, k.limits.bytes, weight); err != nil {
			return nil, 0, err
		}
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(item.Body, MaxItemSize+1-int64(len(body))))
		body = append(body, rest...)
	}
	if err != nil {
		k.limits.bytes.Release(weight)
		return nil, 0, err
	}
	if spare := weight - int64(len(body)); spare > 0 {
		k.limits.bytes.Release(spare)
		weight -= spare
	}
	return body, weight, nil
}

// work decodes an item. It holds a worker from the start, and gives it back.
func (k *sink) work(e *entry, item source.Item, body []byte) {
	defer close(e.ready)
	f := File{
		Source: k.sourceID, Ref: item.Ref, Received: item.Received, Name: item.Name,
		Mail: item.Mail, Route: k.route, Assume: k.assume, Body: body,
	}
	found, problem := k.pipeline.extract(f)
	if inflated(found) > heavyBytes {
		found = mailreport.Extraction{}
		k.limits.workers.Release(1)
		if e.err = k.awaitTurn(e); e.err != nil {
			return
		}
		found, problem = k.pipeline.extract(f)
	}
	r := k.pipeline.read(f, found, problem)
	k.limits.workers.Release(1)
	k.pipeline.judge(k.ctx, f, r)
	// A judgement that was cut off would stand for ever.
	e.err = k.ctx.Err()
	e.delivery = r.delivery
}

// awaitTurn waits until everything before e is decoded, then for the lane of
// heavy items and a worker. The next entry of a poll is committed whatever
// others wait for, so the lane always becomes free.
func (k *sink) awaitTurn(e *entry) error {
	select {
	case <-e.head:
	case <-k.ctx.Done():
		return k.ctx.Err()
	}
	if err := k.limits.heavy.Acquire(k.ctx, 1); err != nil {
		return err
	}
	e.heavy = true
	return k.limits.workers.Acquire(k.ctx, 1)
}

func inflated(found mailreport.Extraction) int64 {
	var size int64
	for _, document := range found.Documents {
		size += int64(len(document.Raw))
	}
	return size
}

// skipped is the delivery of an item whose bytes were not handed over.
func skipped(sourceID string, item source.Item, reason source.SkipReason, detail string) store.Delivery {
	d := store.Delivery{Source: sourceID, Ref: item.Ref, Received: item.Received, Size: max(item.Size, 0)}
	switch reason {
	case source.SkipExpired:
		d.Ignored = IgnoredExpired
		return d
	case source.SkipTooLarge:
		if detail == "" {
			detail = fmt.Sprintf("the item has %d bytes; at most %d are read", item.Size, MaxItemSize)
		}
	case source.SkipUnreadable:
		if detail == "" {
			detail = "the server lists the item but does not give it out"
		}
	}
	d.Documents = []store.Document{{
		Problem:   &store.Problem{Reason: string(reason), Detail: detail},
		Hints:     tlsrpt.Hints{FileName: item.Name},
		Judgement: store.Judgement{Trust: store.Unauthenticated, Reason: "the item was not read"},
	}}
	return d
}
