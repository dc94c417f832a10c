package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// maxPrepared bounds the statements a connection keeps. Writing needs about a
// hundred; queries differ by dimensions and filters only, never by values.
const maxPrepared = 400

// conn is one connection with its prepared statements. It speaks to the driver
// without database/sql in between, whose locks and conversions cost as much as
// a small insert does. It is used by one goroutine at a time.
type conn struct {
	raw      driver.Conn
	prepared map[string]driver.Stmt
	args     []driver.NamedValue
}

func newConn(raw driver.Conn) *conn {
	return &conn{raw: raw, prepared: map[string]driver.Stmt{}}
}

func (c *conn) close() error {
	return errors.Join(c.forget(), c.raw.Close())
}

func (c *conn) forget() error {
	var failed error
	for query, stmt := range c.prepared {
		failed = errors.Join(failed, stmt.Close())
		delete(c.prepared, query)
	}
	return failed
}

func (c *conn) prepare(ctx context.Context, query string) (driver.Stmt, error) {
	if stmt := c.prepared[query]; stmt != nil {
		return stmt, nil
	}
	if len(c.prepared) >= maxPrepared {
		if err := c.forget(); err != nil {
			return nil, err
		}
	}
	stmt, err := c.raw.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, typed(ctx, fmt.Errorf("prepare statement: %w", err))
	}
	c.prepared[query] = stmt
	return stmt, nil
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, arg := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: arg})
	}
	return c.args
}

// exec runs one statement. Arguments are int64, string, []byte or nil.
func (c *conn) exec(ctx context.Context, query string, args ...any) (driver.Result, error) {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return nil, err
	}
	result, err := stmt.(driver.StmtExecContext).ExecContext(ctx, c.bind(args))
	if err != nil {
		return nil, typed(ctx, err)
	}
	return result, nil
}

// script runs statements that are not worth keeping, such as a migration's.
func (c *conn) script(ctx context.Context, statements string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(ctx, statements, nil)
	return typed(ctx, err)
}

// A row is one row of an answer. It is valid until the next.
type row []driver.Value

func (r row) int(i int) int64 {
	n, _ := r[i].(int64)
	return n
}

func (r row) text(i int) string {
	s, _ := r[i].(string)
	return s
}

func (r row) bytes(i int) []byte {
	b, _ := r[i].([]byte)
	return b
}

func (r row) null(i int) bool { return r[i] == nil }

// query hands every row to scan, until it errs.
func (c *conn) query(ctx context.Context, query string, args []any, scan func(row) error) (err error) {
	stmt, err := c.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := stmt.(driver.StmtQueryContext).QueryContext(ctx, c.bind(args))
	if err != nil {
		return typed(ctx, err)
	}
	defer func() {
		if closing := rows.Close(); err == nil && closing != nil {
			err = typed(ctx, closing)
		}
	}()
	values := make(row, len(rows.Columns()))
	for n := 1; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch err := rows.Next(values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return typed(ctx, err)
		}
		if err := scan(values); err != nil {
			return err
		}
	}
}

// first hands the first row to scan, and tells whether there is one.
func (c *conn) first(ctx context.Context, query string, args []any, scan func(row)) (found bool, err error) {
	err = c.query(ctx, query, args, func(r row) error {
		if !found {
			scan(r)
		}
		found = true
		return nil
	})
	return found, err
}

// integer returns the one integer of a query, and 0 where there is no row.
func (c *conn) integer(ctx context.Context, query string, args ...any) (n int64, err error) {
	_, err = c.first(ctx, query, args, func(r row) { n = r.int(0) })
	return n, err
}

// integers returns the integers of a query's one column.
func (c *conn) integers(ctx context.Context, query string, args ...any) (all []int64, err error) {
	err = c.query(ctx, query, args, func(r row) error {
		all = append(all, r.int(0))
		return nil
	})
	return all, err
}
