package goesstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/eventstore"
	"github.com/modernice/goes/event/test"

	"goes_store/goesstore"
)

// insertFoo stores a "foo" event as somebody does who knows nothing of goes.
const insertFoo = `INSERT INTO events (id, name, "time", data) VALUES ($1, 'foo', goes_now(), '{"A": "psql"}')`

func TestWhoeverStoresPublishes(t *testing.T) {
	pool, store, bus := newBus(t)
	early := foo()
	must(t, store.Insert(t.Context(), early))
	events, failures, err := bus.Subscribe(t.Context(), "foo")
	must(t, err)

	ids := []uuid.UUID{uuid.New(), uuid.New(), uuid.New()}
	execute(t, pool, insertFoo, ids[0])
	if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		_, _ = tx.Exec(t.Context(), insertFoo, uuid.New())
		return context.Canceled
	}); err == nil {
		t.Fatal("should be rolled back")
	}
	published := event.New[any]("foo", test.FooEventData{A: "bus"}, event.ID(ids[1]))
	must(t, bus.Publish(t.Context(), published, event.New[any]("bar", test.BarEventData{}), published))
	must(t, bus.Publish(t.Context(), published)) // it is stored already
	inserted := event.New[any]("foo", test.FooEventData{A: "store"}, event.ID(ids[2]))
	must(t, eventstore.WithBus(store, bus).Insert(t.Context(), inserted))

	for i, id := range ids {
		if e := next(t, events, failures); e.ID() != id {
			t.Fatalf("event %d is %v", i, e)
		}
	}
	select {
	case e := <-events:
		t.Fatalf("too much: %v", e)
	case <-time.After(100 * time.Millisecond):
	}
	if _, err := store.Find(t.Context(), ids[1]); err != nil {
		t.Errorf("what was published is not stored: %v", err)
	}
}

// A cursor that was stored as JSON goes on where it was, with all names or some.
func TestFromAPosition(t *testing.T) {
	_, store, bus := newBus(t)
	all := []event.Event{foo(), event.New[any]("bar", test.BarEventData{}), foo(), foo()}
	must(t, store.Insert(t.Context(), all...))

	events, failures, err := bus.From(goesstore.Beginning).Subscribe(t.Context(), event.All)
	must(t, err)
	var cursor goesstore.Cursor
	var first event.Event
	for i := range 3 {
		e := next(t, events, failures)
		if !event.Equal(e, all[i]) {
			t.Fatalf("event %d is %v", i, e)
		}
		if i == 0 {
			first = e
		}
		cursor.Advance(e)
	}
	text, err := json.Marshal(cursor)
	must(t, err)
	var stored goesstore.Cursor
	must(t, json.Unmarshal(text, &stored))
	cursor.Advance(foo()) // not delivered: moves nothing
	cursor.Advance(first) // behind it: moves nothing
	if stored != cursor || cursor.Position != 3 || cursor.ID != all[2].ID() {
		t.Fatalf("cursor %s, stored %s", cursor, stored)
	}
	events, failures, err = bus.From(stored).Subscribe(t.Context(), "foo")
	must(t, err)
	if e := next(t, events, failures); !event.Equal(e, all[3]) {
		t.Fatalf("not the fourth event: %v", e)
	}
}

// writeOutOfOrder has 8 writers store "foo" events in transactions that overlap, and commit in another
// order than the events' times; some are rolled back. It returns when all have ended.
func writeOutOfOrder(t *testing.T, pool *pgxpool.Pool, transactions int) {
	t.Helper()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range transactions {
				err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
					store := goesstore.NewEventStore(tx, test.NewEncoder())
					for range 1 + rand.IntN(3) {
						if err := store.Insert(context.Background(), foo()); err != nil {
							return err
						}
						time.Sleep(time.Duration(rand.IntN(4)) * time.Millisecond)
					}
					if rand.IntN(10) == 0 {
						return errRolledBack
					}
					return nil
				})
				if err != nil && err != errRolledBack {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

var errRolledBack = fmt.Errorf("rolled back")

// A subscriber that begins now gets what is being stored meanwhile, even if its place in the feed is before
// that of events which are committed already.
func TestNowHasWhatIsBeingStored(t *testing.T) {
	pool, store, bus := newBus(t)
	late, early := foo(), foo()
	var events <-chan event.Event
	var failures <-chan error
	must(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		must(t, goesstore.NewEventStore(tx, test.NewEncoder()).Insert(t.Context(), late))
		must(t, store.Insert(t.Context(), early))
		var err error
		events, failures, err = bus.Subscribe(t.Context(), "foo")
		return err
	}))
	if e := next(t, events, failures); e.ID() != late.ID() {
		t.Errorf("not what was being stored: %v", e)
	}
}

// Two subscribers get every event, once, in one order, while 8 writers commit out of order.
func TestEveryEventInOneOrder(t *testing.T) {
	pool, _, bus := newBus(t)
	var channels []<-chan event.Event
	for range 2 {
		events, failures, err := bus.Subscribe(t.Context(), "foo")
		must(t, err)
		go func() {
			for err := range failures {
				t.Error(err)
			}
		}()
		channels = append(channels, events)
	}
	written := make(chan int, 1)
	go func() {
		writeOutOfOrder(t, pool, 30)
		written <- value[int](t, pool, "SELECT count(*) FROM events")
	}()
	var got [2][]uuid.UUID
	count := -1
	for len(got[0]) != count || len(got[1]) != count {
		select {
		case count = <-written:
		case e := <-channels[0]:
			got[0] = append(got[0], e.ID())
		case e := <-channels[1]:
			got[1] = append(got[1], e.ID())
		case <-time.After(20 * time.Second):
			t.Fatalf("%d and %d of %d events", len(got[0]), len(got[1]), count)
		}
	}
	wanted := value[[]uuid.UUID](t, pool, "SELECT array_agg(id ORDER BY position) FROM events")
	byTime := value[[]uuid.UUID](t, pool, `SELECT array_agg(id ORDER BY "time") FROM events`)
	for i := range got {
		if fmt.Sprint(got[i]) != fmt.Sprint(wanted) {
			t.Errorf("subscriber %d has got others, or in another order", i)
		}
	}
	if fmt.Sprint(byTime) == fmt.Sprint(wanted) {
		t.Error("the writers were in order, so nothing was proved")
	}
}

func TestASubscriberLearnsOfErrors(t *testing.T) {
	t.Run("no_feed", func(t *testing.T) {
		pool, store := newStore(t)
		execute(t, pool, "SELECT goes_alter_store(feed => false)")
		_, _, err := goesstore.NewEventBus(store).Subscribe(t.Context(), "foo")
		requireState(t, err, "55000")
		requireText(t, err, "goes_alter_store")
	})
	t.Run("a_feed_that_was_rewound", func(t *testing.T) {
		pool, store, bus := newBus(t)
		must(t, store.Insert(t.Context(), foo()))
		events, failures, err := bus.From(goesstore.Beginning).Subscribe(t.Context(), "foo")
		must(t, err)
		next(t, events, failures)
		execute(t, pool, "TRUNCATE events RESTART IDENTITY")
		must(t, store.Insert(t.Context(), foo()))
		requireState(t, <-failures, "VE006")
		if _, isOpen := <-failures; isOpen {
			t.Error("the subscription goes on")
		}
		if _, isOpen := <-events; isOpen {
			t.Error("an event is delivered")
		}
	})
	t.Run("a_cursor_of_another_feed", func(t *testing.T) {
		_, store, bus := newBus(t)
		must(t, store.Insert(t.Context(), foo(), foo()))
		_, failures, err := bus.From(goesstore.Cursor{Position: 1, ID: uuid.New()}).Subscribe(t.Context(), "foo")
		must(t, err)
		requireState(t, <-failures, "VE006")
	})
	t.Run("an_event_that_cannot_be_decoded", func(t *testing.T) {
		pool, store, bus := newBus(t)
		events, failures, err := bus.Subscribe(t.Context(), event.All)
		must(t, err)
		execute(t, pool, `SELECT goes_insert_json('{"name": "unknown"}')`)
		e := foo()
		must(t, store.Insert(t.Context(), e))
		requireText(t, <-failures, `"unknown" event`)
		if got := next(t, events, failures); got.ID() != e.ID() {
			t.Errorf("not the next event: %v", got)
		}
	})
}

// Connections are lost; the subscriber is told so, and gets every event all the same.
func TestASubscriberOutlivesItsConnections(t *testing.T) {
	pool, store, bus := newBus(t)
	events, failures, err := bus.Subscribe(t.Context(), "foo")
	must(t, err)
	first := foo()
	must(t, store.Insert(t.Context(), first))
	if e := next(t, events, failures); e.ID() != first.ID() {
		t.Fatal(e)
	}
	admin, err := pgx.ConnectConfig(t.Context(), pool.Config().ConnConfig)
	must(t, err)
	defer admin.Close(context.Background())
	_, err = admin.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	must(t, err)
	second := uuid.New()
	_, err = admin.Exec(t.Context(), insertFoo, second)
	must(t, err)
	requireState(t, <-failures, "57P01")
	for {
		select {
		case e := <-events:
			if e.ID() != second {
				t.Errorf("not the second event: %v", e)
			}
			return
		case err := <-failures:
			t.Logf("meanwhile: %v", err)
		case <-time.After(20 * time.Second):
			t.Fatal("no event came")
		}
	}
}

// When the last subscriber has gone nobody waits for the feed.
func TestNobodyWaitsForNobody(t *testing.T) {
	pool, _, bus := newBus(t)
	ctx, stop := context.WithCancel(t.Context())
	for range 3 {
		_, _, err := bus.Subscribe(ctx, "foo")
		must(t, err)
	}
	busy := func(wanted int32) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); pool.Stat().AcquiredConns() != wanted; {
			if time.Now().After(deadline) {
				t.Fatalf("%d connections are in use instead of %d", pool.Stat().AcquiredConns(), wanted)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	busy(1)
	stop()
	busy(0)
}
