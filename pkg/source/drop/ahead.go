package drop

import (
	"context"
	"errors"
	"sync"
)

const (
	// fetchAtOnce is how many files are fetched at the same time: as many as
	// Go keeps connections to a host open, since a new one for each file costs
	// more than is gained.
	fetchAtOnce = 2
	// maxAhead is the largest file, in bytes, that is fetched before its turn:
	// almost every report is smaller, and what waits stays small.
	maxAhead = 256 << 10
)

// A download is what came of fetching a file before its turn.
type download struct {
	// tried says that it was fetched at all.
	tried bool
	body  []byte
	v     version
	err   error
}

// downloads fetches small files a little before their turn, so that the server
// and the engine need not wait for each other. What it yields is one download
// a file, in their order. stop ends what is under way, and must be called.
func (p *poll) downloads(ctx context.Context, files []file) (inOrder <-chan chan download, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	// Beside those in the queue, one is waited for and one waits to get into it.
	queue := make(chan chan download, fetchAtOnce-2)
	var underWay sync.WaitGroup
	underWay.Go(func() {
		for _, f := range files {
			done := make(chan download, 1)
			if !p.isLight(f) {
				done <- download{}
			} else {
				underWay.Go(func() { done <- p.fetchAhead(ctx, f) })
			}
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
		}
	})
	return queue, func() {
		cancel()
		underWay.Wait()
	}
}

// isLight says whether a file will be wanted and can be fetched before its turn.
func (p *poll) isLight(f file) bool {
	return f.refused == nil && !p.isExpired(f) && f.size >= 0 && f.size <= maxAhead
}

// fetchAhead fetches a file that is as long as it was listed, or not at all:
// one that is longer is left for its turn.
func (p *poll) fetchAhead(ctx context.Context, f file) download {
	body, v, err := p.fetch(ctx, f.url, f.size)
	if errors.Is(err, errTooLarge) {
		return download{}
	}
	return download{tried: true, body: body, v: v, err: err}
}
