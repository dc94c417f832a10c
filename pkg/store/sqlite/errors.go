package sqlite

import (
	"context"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"

	"github.com/tlsrpt-reports/grafana-tlsrpt-datasource/pkg/store"
)

// Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
const (
	codePerm      = 3
	codeBusy      = 5
	codeLocked    = 6
	codeReadOnly  = 8
	codeInterrupt = 9
	codeIO        = 10
	codeCorrupt   = 11
	codeFull      = 13
	codeCantOpen  = 14
	codeNotADB    = 26
)

// typed wraps what SQLite says in the error of package store that the engine
// decides on. Other errors come back as they are.
func typed(ctx context.Context, err error) error {
	var failure *driver.Error
	if !errors.As(err, &failure) {
		return err
	}
	switch failure.Code() & 0xff {
	case codeFull:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case codeReadOnly, codePerm, codeCantOpen:
		return fmt.Errorf("%w: %w", store.ErrReadOnly, err)
	case codeIO:
		return fmt.Errorf("%w: %w", store.ErrIO, err)
	case codeBusy, codeLocked:
		return fmt.Errorf("%w: %w", store.ErrBusy, err)
	case codeCorrupt, codeNotADB:
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	case codeInterrupt:
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
	return err
}
