package goesstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/test"

	"goes_store/goesstore"
)

// databases counts the databases of this run.
var databases atomic.Int64

// newPool returns a pool of connections to a new, empty database.
func newPool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	name := fmt.Sprintf("goesstore_%d_%d", os.Getpid(), databases.Add(1))
	admin, err := pgx.Connect(context.Background(), "dbname=postgres")
	if err != nil {
		t.Fatalf("no server (run make goes): %v", err)
	}
	defer admin.Close(context.Background())
	if _, err := admin.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return connect(t, "dbname="+name+" pool_max_conns=20")
}

// connect returns a pool that is closed when the test ends.
func connect(t testing.TB, settings string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// newStore returns a new store of the events of package event/test.
func newStore(t testing.TB, options ...goesstore.Option) (*pgxpool.Pool, *goesstore.EventStore) {
	t.Helper()
	pool := newPool(t)
	store := goesstore.NewEventStore(pool, test.NewEncoder(), options...)
	must(t, store.Create(context.Background()))
	return pool, store
}

// newBus returns a new store with a bus.
func newBus(t testing.TB) (*pgxpool.Pool, *goesstore.EventStore, *goesstore.EventBus) {
	t.Helper()
	pool, store := newStore(t)
	bus := goesstore.NewEventBus(store)
	must(t, bus.Create(context.Background()))
	return pool, store, bus
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// execute runs a statement.
func execute(t testing.TB, pool *pgxpool.Pool, statement string, arguments ...any) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), statement, arguments...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// value returns what a statement selects.
func value[T any](t testing.TB, pool *pgxpool.Pool, statement string, arguments ...any) T {
	t.Helper()
	var found T
	if err := pool.QueryRow(context.Background(), statement, arguments...).Scan(&found); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return found
}

// fooOf makes a "foo" event of an aggregate.
func fooOf(id uuid.UUID, version int) event.Event {
	return event.New[any]("foo", test.FooEventData{A: "foo"}, event.Aggregate(id, "order", version))
}

// foo makes a "foo" event without an aggregate.
func foo() event.Event {
	return event.New[any]("foo", test.FooEventData{A: "foo"})
}

// next returns the next event of a subscriber.
func next(t testing.TB, events <-chan event.Event, failures <-chan error) event.Event {
	t.Helper()
	select {
	case e, isOpen := <-events:
		if !isOpen {
			t.Fatal("the subscription has ended")
		}
		return e
	case err := <-failures:
		t.Fatalf("instead of an event: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
	}
	return nil
}

// requireState fails the test unless an error has that SQLSTATE.
func requireState(t testing.TB, err error, state string) {
	t.Helper()
	var server interface{ SQLState() string }
	if !errors.As(err, &server) || server.SQLState() != state {
		t.Fatalf("not %s: %v", state, err)
	}
}

// requireText fails the test unless an error says that.
func requireText(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Fatalf("does not say %q: %v", text, err)
	}
}
