package goesstore_test

import (
	"context"
	"log"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/modernice/goes/aggregate"
	"github.com/modernice/goes/aggregate/repository"
	"github.com/modernice/goes/aggregate/snapshot"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/test"
	"github.com/modernice/goes/projection"
	"github.com/modernice/goes/projection/schedule"

	"goes_store/goesstore"
)

// The go blocks of docs/goes.md and README.md are parts of this file, and examples_test.go checks that they
// are.

// application is what the documentation shows of one.
type application struct {
	pool   *pgxpool.Pool
	store  *goesstore.EventStore
	bus    *goesstore.EventBus
	orders *repository.Repository
	models *goesstore.ModelRepository[*total, uuid.UUID]
}

// movedOver connects an application.
func movedOver(pool *pgxpool.Pool, encoding codec.Encoding) *application {
	store := goesstore.NewEventStore(pool, encoding) // was postgres.NewEventStore(encoding, …)
	bus := goesstore.NewEventBus(store)              // was nats.NewEventBus(encoding, …)
	snapshots := goesstore.NewSnapshotStore(pool)    // was mongo.NewSnapshotStore(…)

	orders := repository.New(store, repository.WithSnapshots(snapshots, snapshot.Every(100)))
	models := goesstore.NewModelRepository[*total, uuid.UUID](pool,
		goesstore.ModelFactory(newTotal, true))
	return &application{pool, store, bus, orders, models}
}

// createAll creates what is missing.
func (a *application) createAll(ctx context.Context) error {
	pool, bus, models := a.pool, a.bus, a.models
	if err := bus.Create(ctx); err != nil { // the table of events, its feed, and subscriptions
		return err
	}
	if err := goesstore.NewSnapshotStore(pool).Create(ctx); err != nil {
		return err
	}
	return models.Create(ctx)
}

// Sales is a projection that says how far it has come. Its cursor is stored with the rest of it.
type Sales struct {
	Orders int
	Cursor goesstore.Cursor
}

func (s *Sales) ApplyEvent(e event.Event) {
	s.Orders++
	s.Cursor.Advance(e)
}

// follow keeps a projection up to date, from where it was.
func (a *application) follow(ctx context.Context, sales *Sales, save func(*Sales) error) (<-chan error, error) {
	bus, store := a.bus, a.store
	always := schedule.Continuously(bus.From(sales.Cursor), store, []string{"foo"})
	errs, err := always.Subscribe(ctx, func(job projection.Job) error {
		if err := job.Apply(job, sales); err != nil {
			return err
		}
		return save(sales) // sales, with the cursor
	})
	return errs, err
}

// bill stores a row for each event.
func (a *application) bill(ctx context.Context) (<-chan error, error) {
	bus := a.bus
	errs, err := bus.From(goesstore.Beginning).Handle(ctx, "bills", []string{"foo"},
		func(ctx context.Context, tx pgx.Tx, e event.Event) error {
			_, err := tx.Exec(ctx, "INSERT INTO bills (event) VALUES ($1)", e.ID())
			return err
		})
	return errs, err
}

// The application of the documentation runs.
func TestTheApplicationOfTheDocumentation(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	pool := newPool(t)
	a := movedOver(pool, test.NewEncoder())
	must(t, a.createAll(ctx))
	must(t, a.createAll(ctx)) // as often as one likes
	execute(t, pool, "CREATE TABLE bills (event uuid)")

	saved := make(chan Sales)
	sales := &Sales{}
	failures, err := a.follow(ctx, sales, func(s *Sales) error { saved <- *s; return nil })
	must(t, err)
	go logged(failures)
	failures, err = a.bill(ctx)
	must(t, err)
	go logged(failures)

	for range 2 {
		o := aggregate.New("order", uuid.New())
		aggregate.Next(o, "foo", test.FooEventData{})
		must(t, a.orders.Save(ctx, o))
	}
	<-saved
	if s := <-saved; s.Orders != 2 || s.Cursor.Position != 2 {
		t.Errorf("sales: %+v", s)
	}
	eventually(t, func() bool { return value[int](t, pool, "SELECT count(DISTINCT event) FROM bills") == 2 })
}

func logged(failures <-chan error) {
	for err := range failures {
		log.Print(err)
	}
}
