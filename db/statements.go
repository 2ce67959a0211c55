package db

import (
	"context"
	"database/sql"
	"errors"
)

// stmtCache is a connection that prepares each statement once. One goroutine at a time uses it. Its statements have no
// context: a statement in a shared commit must not end because one caller is gone, and the others are short.
type stmtCache struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func newStmtCache(conn *sql.Conn) *stmtCache {
	return &stmtCache{conn: conn, stmts: map[string]*sql.Stmt{}}
}

func (c *stmtCache) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

func (c *stmtCache) exec(query string, args ...any) (sql.Result, error) {
	s, err := c.prepare(query) //nolint:sqlclosecheck // kept for the next time; Close closes it
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

func (c *stmtCache) query(query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepare(query) //nolint:sqlclosecheck // kept for the next time; Close closes it
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

func (c *stmtCache) row(query string, args ...any) *sql.Row {
	s, err := c.prepare(query) //nolint:sqlclosecheck // kept for the next time; Close closes it
	if err != nil {
		return c.conn.QueryRowContext(context.Background(), query, args...) // fails in the same way and returns the error
	}
	return s.QueryRowContext(context.Background(), args...)
}

func (c *stmtCache) Close() error {
	errs := make([]error, 0, len(c.stmts)+1)
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.conn.Close())...)
}
