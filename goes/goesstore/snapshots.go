package goesstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/aggregate/snapshot"
)

var _ snapshot.Store = (*SnapshotStore)(nil)

// SnapshotStore is a snapshot.Store. Its methods may be called at the same time.
type SnapshotStore struct {
	db    DB
	table *string
}

// NewSnapshotStore makes a store of snapshots. It does not use the database yet.
func NewSnapshotStore(db DB, options ...Option) *SnapshotStore {
	return &SnapshotStore{db, newSettings(options).table}
}

// Create creates the extension and the table as far as they are missing, and checks a table that is
// there.
func (s *SnapshotStore) Create(ctx context.Context) error {
	return create(ctx, s.db, "SELECT goes_create_snapshot_store($1)", s.table)
}

// Save stores a snapshot, in place of the one of that version if there is one.
func (s *SnapshotStore) Save(ctx context.Context, snap snapshot.Snapshot) error {
	state := snap.State()
	if state == nil {
		state = []byte{} // an aggregate without a state of its own
	}
	_, err := s.db.Exec(ctx, `SELECT goes_snapshot_save($1, $2::uuid, $3::integer, $4::bytea, "time" => $5, store => $6)`,
		snap.AggregateName(), snap.AggregateID(), snap.AggregateVersion(), state, snap.Time().UnixNano(), s.table)
	if err != nil {
		return explained("save a snapshot", err)
	}
	return nil
}

// Latest returns the newest snapshot of an aggregate. If there is none, the error is
// snapshot.ErrNotFound; so it is of Version and Limit.
func (s *SnapshotStore) Latest(ctx context.Context, name string, id uuid.UUID) (snapshot.Snapshot, error) {
	return s.one(ctx, "goes_snapshot_latest($1, $2::uuid, store => $3)", name, id, s.table)
}

// Version returns the snapshot of that version.
func (s *SnapshotStore) Version(ctx context.Context, name string, id uuid.UUID, v int) (snapshot.Snapshot, error) {
	return s.one(ctx, "goes_snapshot_version($1, $2::uuid, $3::integer, store => $4)", name, id, v, s.table)
}

// Limit returns the newest snapshot at or below that version.
func (s *SnapshotStore) Limit(ctx context.Context, name string, id uuid.UUID, v int) (snapshot.Snapshot, error) {
	return s.one(ctx, "goes_snapshot_limit($1, $2::uuid, $3::integer, store => $4)", name, id, v, s.table)
}

// Query returns the snapshots that a query asks for.
func (s *SnapshotStore) Query(ctx context.Context, q snapshot.Query) (<-chan snapshot.Snapshot, <-chan error, error) {
	var c call
	c.add("aggregate_names", "text[]", q.Names())
	c.add("aggregate_ids", "text[]::uuid[]", idTexts(q.IDs()))
	c.addTimes(q.Times())
	c.addVersions(q.Versions())
	c.add("sort", "text[]", texts(q.Sortings(), aggregateSortKey))
	c.add("store", "text", s.table)
	found, err := s.read(ctx, c.of("goes_snapshot_query"), c.values...)
	if err != nil {
		return nil, nil, err
	}
	snapshots, failures := stream(ctx, func(hand func(snapshot.Snapshot) bool) error {
		for _, snap := range found {
			if !hand(snap) {
				break
			}
		}
		return nil
	})
	return snapshots, failures, nil
}

// Delete removes the snapshot of that aggregate and version, if it is there.
func (s *SnapshotStore) Delete(ctx context.Context, snap snapshot.Snapshot) error {
	_, err := s.db.Exec(ctx, "SELECT goes_snapshot_delete($1, $2::uuid, $3::integer, store => $4)",
		snap.AggregateName(), snap.AggregateID(), snap.AggregateVersion(), s.table)
	if err != nil {
		return explained("delete a snapshot", err)
	}
	return nil
}

// one returns the snapshot of a function that returns one or none.
func (s *SnapshotStore) one(ctx context.Context, function string, arguments ...any) (snapshot.Snapshot, error) {
	found, err := s.read(ctx, function, arguments...)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("goesstore: aggregate %v: %w", arguments[:2], snapshot.ErrNotFound)
	}
	return found[0], nil
}

// read returns the snapshots of a function.
func (s *SnapshotStore) read(ctx context.Context, function string, arguments ...any) ([]snapshot.Snapshot, error) {
	rows, err := s.db.Query(ctx,
		`SELECT aggregate_name, aggregate_id, aggregate_version, "time", state FROM `+function, arguments...)
	if err != nil {
		return nil, explained("read snapshots", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (snapshot.Snapshot, error) {
		var stored storedSnapshot
		err := row.Scan(&stored.name, &stored.id, &stored.version, &stored.time, &stored.state)
		return &stored, err
	})
	if err != nil {
		return nil, explained("read snapshots", err)
	}
	return found, nil
}

// storedSnapshot is a row of the table.
type storedSnapshot struct {
	name    string
	id      uuid.UUID
	version int
	time    int64
	state   []byte
}

func (s *storedSnapshot) AggregateName() string  { return s.name }
func (s *storedSnapshot) AggregateID() uuid.UUID { return s.id }
func (s *storedSnapshot) AggregateVersion() int  { return s.version }
func (s *storedSnapshot) Time() time.Time        { return time.Unix(0, s.time) }
func (s *storedSnapshot) State() []byte          { return s.state }
