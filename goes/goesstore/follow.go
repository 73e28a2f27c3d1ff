package goesstore

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/modernice/goes/event"
)

const (
	pageSize = 1000        // events that a subscriber reads at a time
	pause    = time.Second // after an error, before the next try
)

// follower is one subscriber of a bus: it reads the feed page by page.
type follower struct {
	store    *EventStore
	watcher  *watcher
	names    []string
	cursor   Cursor
	events   chan event.Event
	failures chan error
}

// begin checks that there is a feed, and sets the cursor of a follower that begins now.
func (f *follower) begin(ctx context.Context, isNow bool) error {
	var position int64
	err := f.store.db.QueryRow(ctx, "SELECT goes_feed_position(store => $1)", f.store.table).Scan(&position)
	if err != nil {
		return explained("subscribe", err)
	}
	if isNow {
		f.cursor = Cursor{Position: position}
	}
	return nil
}

// run delivers events until the context is done, or an error does not pass.
func (f *follower) run(ctx context.Context) {
	defer close(f.events)
	defer close(f.failures)
	defer f.watcher.join()()
	for ctx.Err() == nil {
		page, next, err := f.read(ctx)
		if err == nil {
			f.deliver(ctx, page)
			f.cursor = next
			err = f.watcher.wait(ctx, next.Position)
		}
		if err != nil && !f.fail(ctx, err) {
			return
		}
	}
}

// read returns the next page of the feed, and the cursor behind it.
func (f *follower) read(ctx context.Context) ([]fedEvent, Cursor, error) {
	next := f.cursor
	if !send(ctx, f.watcher.reading, struct{}{}) {
		return nil, next, ctx.Err()
	}
	defer func() { <-f.watcher.reading }()
	var id *string
	if f.cursor.ID != uuid.Nil {
		text := f.cursor.ID.String()
		id = &text
	}
	rows, err := f.store.db.Query(ctx, `SELECT "position", `+eventColumns+
		" FROM goes_feed($1, names => $2::text[], max_events => $3, after_id => $4::uuid, store => $5)",
		f.cursor.Position, f.names, pageSize, id, f.store.table)
	if err != nil {
		return nil, next, explained("follow", err)
	}
	defer rows.Close()
	var page []fedEvent
	for rows.Next() {
		var row fedEvent
		var rowID *uuid.UUID
		var name *string
		var nanoseconds *int64
		if err := rows.Scan(&row.position, &rowID, &name, &nanoseconds, &row.event.aggregateID,
			&row.event.aggregateName, &row.event.aggregateVersion, &row.event.data); err != nil {
			return nil, next, explained("follow", err)
		}
		if name == nil { // the row of the cursor
			next = Cursor{Position: row.position}
			if rowID != nil {
				next.ID = *rowID
			}
			continue
		}
		row.event.id, row.event.name, row.event.time = *rowID, *name, *nanoseconds
		page = append(page, row)
	}
	if err := rows.Err(); err != nil {
		return nil, next, explained("follow", err)
	}
	return page, next, nil
}

// fedEvent is a row of a feed.
type fedEvent struct {
	position int64
	event    storedEvent
}

// deliver hands a page to the subscriber.
func (f *follower) deliver(ctx context.Context, page []fedEvent) {
	for _, row := range page {
		e, err := row.event.decode(f.store.encoding)
		if err != nil {
			send(ctx, f.failures, explained("follow", err))
			continue
		}
		if !send(ctx, f.events, event.Event(deliveredEvent{e, row.position})) {
			return
		}
	}
}

// fail tells the subscriber about an error, waits a while, and returns whether to go on.
func (f *follower) fail(ctx context.Context, err error) bool {
	return ctx.Err() == nil && send(ctx, f.failures, err) && passes(err) && sleep(ctx, pause)
}

// passes tells whether an error may be over the next time: the connection's, the server's, a deadlock.
// What somebody has to put right does not pass.
func passes(err error) bool {
	return !hasState(err, "22", "25001", "34", "42", "55000", "VE002", "VE004", "VE006")
}

// send sends a value unless the context is done first, and returns whether it did.
func send[T any](ctx context.Context, channel chan<- T, value T) bool {
	select {
	case <-ctx.Done():
		return false
	case channel <- value:
		return true
	}
}

// sleep returns whether the context is not done.
func sleep(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(duration):
		return true
	}
}
