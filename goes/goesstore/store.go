package goesstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/persistence/model"
)

var _ event.Store = (*EventStore)(nil)

// EventStore is an event.Store. Its methods may be called at the same time.
type EventStore struct {
	db       DB
	encoding codec.Encoding
	table    *string
}

// NewEventStore makes a store of events whose data the encoding turns into JSON and back. It does not
// use the database yet.
func NewEventStore(db DB, encoding codec.Encoding, options ...Option) *EventStore {
	return &EventStore{db, encoding, newSettings(options).table}
}

// Create creates the extension and the table as far as they are missing, and checks a table that is
// there. Any number of processes may do so at once; a role that may only use the table need not.
func (s *EventStore) Create(ctx context.Context) error {
	return create(ctx, s.db, "SELECT goes_create_store($1)", s.table)
}

// Insert stores events, all or none. If a version is taken or refused the error is a *ConflictError,
// for which aggregate.IsConsistencyError returns true.
func (s *EventStore) Insert(ctx context.Context, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	batch, err := encodeEvents(s.encoding, events)
	if err != nil {
		return err
	}
	if _, err := s.db.Exec(ctx, "SELECT goes_insert_json($1::jsonb, store => $2)", batch, s.table); err != nil {
		return explained("insert", refined(err))
	}
	return nil
}

// Find returns the event with that id. If there is none, the error is model.ErrNotFound, as of goes'
// own store.
func (s *EventStore) Find(ctx context.Context, id uuid.UUID) (event.Event, error) {
	rows, err := s.db.Query(ctx, "SELECT "+eventColumns+" FROM goes_find($1::uuid, store => $2)", id, s.table)
	if err != nil {
		return nil, explained("find", err)
	}
	found, err := pgx.CollectRows(rows, s.scan)
	if err != nil {
		return nil, explained("find", err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("goesstore: event %s: %w", id, model.ErrNotFound)
	}
	return found[0], nil
}

// Delete removes events by their ids; unknown ones are no error.
func (s *EventStore) Delete(ctx context.Context, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	if _, err := s.db.Exec(ctx, "SELECT goes_delete($1::text[]::uuid[], store => $2)",
		texts(events, idOf), s.table); err != nil {
		return explained("delete", err)
	}
	return nil
}

// scan makes an event of a row of eventColumns.
func (s *EventStore) scan(row pgx.CollectableRow) (event.Event, error) {
	var stored storedEvent
	if err := row.Scan(stored.targets()...); err != nil {
		return nil, err
	}
	return stored.decode(s.encoding)
}
