package goesstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/event"
)

// Rows of a large result that are fetched at a time.
const fetchSize = 1000

// Query returns the events that a query asks for, as they come: a large result does not have to fit
// into memory. In a transaction of the caller's it is read before the first event is returned.
func (s *EventStore) Query(ctx context.Context, q event.Query) (<-chan event.Event, <-chan error, error) {
	var c call
	c.addEventFilters(q)
	c.add("sort", "text[]", texts(q.Sortings(), eventSortKey))
	c.add("store", "text", s.table)

	var read func(context.Context, call, func(event.Event) bool) error
	switch _, isInTransaction := s.db.(pgx.Tx); {
	case isInTransaction:
		return s.collect(ctx, c)
	case isNarrow(q):
		read = s.readAtOnce
	default:
		read = s.readByCursor
	}
	events, failures := stream(ctx, func(hand func(event.Event) bool) error { return read(ctx, c, hand) })
	return events, failures, nil
}

// isNarrow tells whether a query names its events or aggregates. The server gathers such a result before
// it sends it, in one round trip instead of four.
func isNarrow(q event.Query) bool {
	for _, ref := range q.Aggregates() {
		if ref.ID == uuid.Nil {
			return len(q.IDs())+len(q.AggregateIDs()) > 0
		}
	}
	return len(q.IDs())+len(q.AggregateIDs())+len(q.Aggregates()) > 0
}

// collect reads a result, and then returns it.
func (s *EventStore) collect(ctx context.Context, c call) (<-chan event.Event, <-chan error, error) {
	var found []event.Event
	if err := s.readAtOnce(ctx, c, func(e event.Event) bool {
		found = append(found, e)
		return true
	}); err != nil {
		return nil, nil, err
	}
	events, failures := stream(ctx, func(hand func(event.Event) bool) error {
		for _, e := range found {
			if !hand(e) {
				break
			}
		}
		return nil
	})
	return events, failures, nil
}

// readAtOnce hands on what goes_query finds.
func (s *EventStore) readAtOnce(ctx context.Context, c call, hand func(event.Event) bool) error {
	_, err := s.handOn(ctx, s.db, "SELECT "+eventColumns+" FROM "+c.of("goes_query"), c.values, hand)
	return err
}

// readByCursor hands on what goes_query_cursor finds, some at a time.
func (s *EventStore) readByCursor(ctx context.Context, c call, hand func(event.Event) bool) error {
	tx, err := s.db.Begin(ctx)
	if err != nil {
		return explained("query", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx))

	c.add("portal", "text::refcursor", "goesstore")
	if _, err := tx.Exec(ctx, "SELECT "+c.of("goes_query_cursor"), c.values...); err != nil {
		return explained("query", err)
	}
	fetch := fmt.Sprintf("FETCH %d FROM goesstore", fetchSize)
	for {
		handed, err := s.handOn(ctx, tx, fetch, nil, hand)
		if err != nil || handed < fetchSize {
			return err
		}
	}
}

// handOn hands the events of a statement on, until nobody takes them, and returns how many.
func (s *EventStore) handOn(ctx context.Context, db DB, statement string, arguments []any,
	hand func(event.Event) bool) (int, error) {
	rows, err := db.Query(ctx, statement, arguments...)
	if err != nil {
		return 0, explained("query", err)
	}
	defer rows.Close()
	handed := 0
	for rows.Next() {
		e, err := s.scan(rows)
		if err != nil {
			return handed, explained("query", err)
		}
		if !hand(e) {
			return handed, nil
		}
		handed++
	}
	if err := rows.Err(); err != nil {
		return handed, explained("query", err)
	}
	return handed, nil
}

// stream runs a function that hands values on, and returns them on a channel, and its error on another.
// Both are closed when it ends. Nobody takes a value once the context is done.
func stream[T any](ctx context.Context, produce func(hand func(T) bool) error) (<-chan T, <-chan error) {
	values, failures := make(chan T), make(chan error)
	go func() {
		defer close(failures)
		defer close(values)
		err := produce(func(value T) bool {
			select {
			case <-ctx.Done():
				return false
			case values <- value:
				return true
			}
		})
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case failures <- err:
		}
	}()
	return values, failures
}
