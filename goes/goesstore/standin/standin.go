// Package standin makes stores of this module for goes' own tests of what uses a store, which make goes'
// stores in memory. In a copy of goes tools/goes puts the other files of this folder in the place of those
// stores, and they make ours. The tests stay as they are.
package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/modernice/goes/aggregate/snapshot"
	"github.com/modernice/goes/event"

	"goes_store/goesstore"
)

// Events returns a new store with these events.
func Events(events ...event.Event) event.Store {
	store := goesstore.NewEventStore(pool(), remembered, goesstore.Table(table("events")))
	must(store.Create(context.Background()))
	must(store.Insert(context.Background(), events...))
	return store
}

// Bus returns a new bus, with a store of its own.
func Bus() event.Bus {
	store := goesstore.NewEventStore(pool(), remembered, goesstore.Table(table("events")))
	bus := goesstore.NewEventBus(store, goesstore.Subscriptions(table("subscriptions")))
	must(bus.Create(context.Background()))
	return bus
}

// Snapshots returns a new store of snapshots.
func Snapshots() snapshot.Store {
	store := goesstore.NewSnapshotStore(pool(), goesstore.Table(table("snapshots")))
	must(store.Create(context.Background()))
	return store
}

// Models returns where a new repository of models has its table.
func Models() (*pgxpool.Pool, goesstore.Option) {
	return pool(), goesstore.Table(table("models"))
}

// pool returns connections to a database of this process.
var pool = sync.OnceValue(func() *pgxpool.Pool {
	ctx := context.Background()
	database := fmt.Sprintf("standin_%d", os.Getpid())
	admin, err := pgx.Connect(ctx, "dbname=postgres")
	must(err)
	_, err = admin.Exec(ctx, "CREATE DATABASE "+database)
	must(err)
	must(admin.Close(ctx))
	pool, err := pgxpool.New(ctx, "dbname="+database+" pool_max_conns=50")
	must(err)
	return pool
})

var (
	mutex  sync.Mutex
	tables int
	values []any
)

// table returns the name of a table that does not exist yet.
func table(prefix string) string {
	mutex.Lock()
	defer mutex.Unlock()
	tables++
	return fmt.Sprintf("%s_%d", prefix, tables)
}

// memory is an encoding for data of any type, as goes' stores in memory take it: it stores a number, and
// remembers the value.
type memory struct{}

var remembered memory

func (memory) Marshal(data any) ([]byte, error) {
	mutex.Lock()
	defer mutex.Unlock()
	values = append(values, data)
	return json.Marshal(len(values) - 1)
}

func (memory) Unmarshal(text []byte, _ string) (any, error) {
	var number int
	if err := json.Unmarshal(text, &number); err != nil {
		return nil, err
	}
	mutex.Lock()
	defer mutex.Unlock()
	return values[number], nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
