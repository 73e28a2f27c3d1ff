package goesstore

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/event"
)

var _ event.Bus = (*EventBus)(nil)

// EventBus is an event.Bus that follows the feed of a store. Its methods may be called at the same
// time. While somebody is subscribed it takes one connection of the pool to wait on, and at most two to
// read, however many subscribers there are.
type EventBus struct {
	store         *EventStore
	subscriptions *string
	start         *Cursor // nil: from now
	watcher       *watcher
}

// NewEventBus makes a bus of a store's events, whose DB must be a pool. It does not use the database
// yet.
func NewEventBus(store *EventStore, options ...Option) *EventBus {
	return &EventBus{store: store, subscriptions: newSettings(options).subscriptions, watcher: newWatcher(store)}
}

// Create creates the store, switches its feed on and creates the tables of subscriptions, as far as
// they are missing. Readers and writers wait while the events of a large table are numbered.
func (b *EventBus) Create(ctx context.Context) error {
	if err := b.store.Create(ctx); err != nil {
		return err
	}
	if err := create(ctx, b.store.db, "SELECT goes_alter_store($1, feed => true)", b.store.table); err != nil {
		return err
	}
	return create(ctx, b.store.db, "SELECT goes_create_subscription_store($1)", b.subscriptions)
}

// From returns the same bus for subscribers that begin behind a cursor: with Beginning they get every
// event that is stored.
func (b *EventBus) From(cursor Cursor) *EventBus {
	from := *b
	from.start = &cursor
	return &from
}

// Publish stores the events, as far as they are not stored yet: what the store has is published once it
// is committed. So eventstore.WithBus is not needed, and does no harm.
func (b *EventBus) Publish(ctx context.Context, events ...event.Event) error {
	if len(events) == 0 {
		return nil
	}
	rows, err := b.store.db.Query(ctx, "SELECT id FROM goes_query(ids => $1::text[]::uuid[], store => $2)",
		texts(events, idOf), b.store.table)
	if err != nil {
		return explained("publish", err)
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return explained("publish", err)
	}
	known := map[uuid.UUID]bool{}
	for _, id := range stored {
		known[id] = true
	}
	var fresh []event.Event
	for _, e := range events {
		if !known[e.ID()] {
			known[e.ID()] = true
			fresh = append(fresh, e)
		}
	}
	return b.store.Insert(ctx, fresh...)
}

// Subscribe returns the events with one of these names (event.All: all of them), in the order of the
// feed: those that are committed from now on or, of a bus by From, those behind its cursor. A
// subscriber that stores its cursor gets each event at least once; see Cursor.Advance. An event that the
// encoding cannot decode is an error, and those behind it are delivered. A connection that is lost is an
// error, and tried again. When the context is done, and after an error that does not pass (there is no
// feed, it was rewound, a privilege is missing), both channels are closed.
func (b *EventBus) Subscribe(ctx context.Context, names ...string) (<-chan event.Event, <-chan error, error) {
	if slices.Contains(names, event.All) {
		names = nil
	} else if len(names) == 0 {
		names = []string{""} // no event has this name
	}
	start := Cursor{}
	if b.start != nil {
		start = *b.start
	}
	f := &follower{store: b.store, watcher: b.watcher, names: names, cursor: start,
		events: make(chan event.Event), failures: make(chan error)}
	if err := f.begin(ctx, b.start == nil); err != nil {
		return nil, nil, err
	}
	go f.run(ctx)
	return f.events, f.failures, nil
}
