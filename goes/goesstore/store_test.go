package goesstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/query"
	"github.com/modernice/goes/event/test"
	"github.com/modernice/goes/helper/streams"
	"github.com/modernice/goes/persistence/model"

	"goes_store/goesstore"
)

func TestAnUnknownIDIsNotFound(t *testing.T) {
	_, store := newStore(t)
	if _, err := store.Find(t.Context(), uuid.New()); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("not goes' own error: %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	pool := newPool(t)
	store := goesstore.NewEventStore(pool, test.NewEncoder(), goesstore.Table("orders"))
	requireState(t, store.Insert(t.Context(), foo()), "42883") // no extension
	execute(t, pool, "CREATE EXTENSION goes_store")
	requireText(t, store.Insert(t.Context(), foo()), "goes_create_store('orders')")
	requireText(t, store.Insert(t.Context(), event.New[any]("foo\xff", test.FooEventData{})), "UTF-8")
	if err := store.Insert(t.Context()); err != nil {
		t.Errorf("nothing to insert: %v", err)
	}
}

// Many processes of an application may start at once.
func TestCreatingAtOnce(t *testing.T) {
	pool := newPool(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			bus := goesstore.NewEventBus(goesstore.NewEventStore(pool, test.NewEncoder()))
			if err := bus.Create(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if wrong := value[int](t, pool, "SELECT count(*) FROM goes_check_store()"); wrong != 0 {
		t.Errorf("goes_check_store finds %d", wrong)
	}
}

// anyJSON is an encoding that knows all names.
type anyJSON struct{}

func (anyJSON) Marshal(data any) ([]byte, error) { return json.Marshal(data) }
func (anyJSON) Unmarshal(data []byte, _ string) (value any, err error) {
	return value, json.Unmarshal(data, &value)
}

var _ codec.Encoding = anyJSON{}

func TestEventsWithoutDataAndWithPartsOfAnAggregate(t *testing.T) {
	pool, _ := newStore(t)
	store := goesstore.NewEventStore(pool, anyJSON{})
	execute(t, pool, `INSERT INTO events (id, name, "time", aggregate_id, data)
		VALUES (gen_random_uuid(), 'half', 1, gen_random_uuid(), 'null'), (gen_random_uuid(), 'none', 2, NULL, 'null')`)
	events, failures, err := store.Query(t.Context(), query.New(query.SortByTime()))
	must(t, err)
	found, err := streams.Drain(t.Context(), events, failures)
	must(t, err)
	for _, e := range found {
		if id, name, version := e.Aggregate(); id != uuid.Nil || name != "" || version != 0 || e.Data() != nil {
			t.Errorf("%s has an aggregate or data: %v %q %d %v", e.Name(), id, name, version, e.Data())
		}
	}
	if len(found) != 2 {
		t.Errorf("%d events instead of 2", len(found))
	}
}

// A large result comes in order and whole; a reader that stops early frees its connection.
func TestALargeQuery(t *testing.T) {
	pool, store := newStore(t)
	execute(t, pool, `SELECT goes_insert_batch(ARRAY(SELECT goes_new_event('foo', data => '{"A": "x"}',
		"time" => n) FROM generate_series(1, 2500) AS n))`)
	events, failures, err := store.Query(t.Context(), query.New(query.Name("foo"), query.SortByTime()))
	must(t, err)
	found, err := streams.Drain(t.Context(), events, failures)
	must(t, err)
	for i, e := range found {
		if e.Time().UnixNano() != int64(i+1) {
			t.Fatalf("event %d is of %d", i+1, e.Time().UnixNano())
		}
	}
	if len(found) != 2500 {
		t.Fatalf("%d events instead of 2500", len(found))
	}

	ctx, stop := context.WithCancel(t.Context())
	events, failures, err = store.Query(ctx, query.New(query.Name("foo")))
	must(t, err)
	next(t, events, failures)
	stop()
	for deadline := time.Now().Add(10 * time.Second); pool.Stat().AcquiredConns() != 0; {
		if time.Now().After(deadline) {
			t.Fatal("the query keeps its connection")
		}
		time.Sleep(time.Millisecond)
	}
}

// In a transaction of the caller's, events are stored and read with all that it does.
func TestInATransaction(t *testing.T) {
	pool, store := newStore(t)
	e := foo()
	stopped := errors.New("stopped")
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		inside := goesstore.NewEventStore(tx, test.NewEncoder())
		must(t, inside.Insert(t.Context(), e))
		events, failures, err := inside.Query(t.Context(), query.New())
		must(t, err)
		found, err := streams.Drain(t.Context(), events, failures)
		must(t, err)
		if len(found) != 1 || !event.Equal(found[0], e) {
			t.Errorf("the transaction finds %v", found)
		}
		return stopped
	})
	if !errors.Is(err, stopped) {
		t.Fatal(err)
	}
	if _, err := store.Find(t.Context(), e.ID()); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("it was rolled back, and yet: %v", err)
	}
}
