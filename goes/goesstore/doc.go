// Package goesstore puts a goes application on a PostgreSQL that has goes_store: an event.Store, an
// event.Bus, a snapshot.Store and a model.Repository, made of goes_store's SQL functions.
//
// An EventBus follows the feed of its store, so publishing is storing: whoever stored an event, with
// whatever, subscribers get it once it is committed, in the order of the feed.
package goesstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DB is where a store's SQL runs: a *pgxpool.Pool, or a pgx.Tx to make it part of that transaction.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

var (
	_ DB = (*pgxpool.Pool)(nil)
	_ DB = (pgx.Tx)(nil)
)

// Option is an option of a store, a bus or a repository.
type Option func(*settings)

type settings struct {
	table            *string
	subscriptions    *string
	factory          func(id any) any
	createIfNotFound bool
}

// Table names the table, as you would write it in SQL: "events", "shop.events", `"Odd Name"`. Without
// it the table is "events", "snapshots" or "models".
func Table(name string) Option {
	return func(s *settings) { s.table = &name }
}

// Subscriptions names the table in which an EventBus keeps its durable subscriptions; without it that
// is "subscriptions".
func Subscriptions(name string) Option {
	return func(s *settings) { s.subscriptions = &name }
}

func newSettings(options []Option) settings {
	var s settings
	for _, option := range options {
		option(&s)
	}
	return s
}

// create creates the extension, unless it is there, and runs a statement.
func create(ctx context.Context, db DB, statement string, arguments ...any) error {
	_, err := db.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS goes_store")
	// somebody else was faster, and has created it
	if err != nil && !hasState(err, "23505", "42710", "42723", "42P07") {
		return explained("create the extension goes_store", err)
	}
	if _, err = db.Exec(ctx, statement, arguments...); err != nil {
		return explained("create", err)
	}
	return nil
}

// hasState tells whether the server failed with one of these SQLSTATEs, or with one of a class.
func hasState(err error, states ...string) bool {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return false
	}
	for _, state := range states {
		if strings.HasPrefix(server.Code, state) {
			return true
		}
	}
	return false
}

// explained says what failed, and adds the server's hint, which pgx leaves out.
func explained(what string, err error) error {
	var server *pgconn.PgError
	if errors.As(err, &server) && server.Hint != "" {
		return fmt.Errorf("goesstore: %s: %w: %s", what, err, server.Hint)
	}
	return fmt.Errorf("goesstore: %s: %w", what, err)
}
