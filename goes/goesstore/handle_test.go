package goesstore_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/test"

	"goes_store/goesstore"
)

// noteEffect is what a handler does for an event, in the same database. Nothing keeps it from being
// done twice but the subscription.
func noteEffect(ctx context.Context, tx pgx.Tx, e event.Event) error {
	_, err := tx.Exec(ctx, "INSERT INTO effects VALUES ($1)", e.ID())
	return err
}

// ignored reads a worker's errors, which the test provokes.
func ignored(failures <-chan error) {
	for range failures {
	}
}

// failingCommits has some transactions with effects fail at the very end, after all statements.
const failingCommits = `
CREATE FUNCTION fail_now_and_then() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF random() < 0.01 THEN
        RAISE 'the commit fails';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER fail_now_and_then AFTER INSERT ON effects
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail_now_and_then()`

// Workers are stopped, lose their connections and fail, and so do their commits, while 8 writers commit
// out of order. Each event counts once.
func TestExactlyOnce(t *testing.T) {
	pool, _, bus := newBus(t)
	execute(t, pool, "CREATE TABLE effects (id uuid)")
	execute(t, pool, failingCommits)
	bus = bus.From(goesstore.Beginning)
	written := make(chan struct{})
	go func() {
		defer close(written)
		writeOutOfOrder(t, pool, 30)
	}()
	handle := func(ctx context.Context, tx pgx.Tx, e event.Event) error {
		if err := noteEffect(ctx, tx, e); err != nil {
			return err
		}
		switch rand.IntN(300) {
		case 0:
			return errors.New("no paper") // after its effect
		case 1:
			tx.Conn().Close(ctx) // the connection is lost
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for ctx.Err() == nil {
				mine, end := context.WithTimeout(ctx, time.Duration(100+rand.IntN(400))*time.Millisecond)
				failures, err := bus.Handle(mine, "effects", []string{"foo"}, handle, goesstore.Lease(time.Second))
				if err == nil {
					ignored(failures)
				} else if ctx.Err() == nil && mine.Err() == nil {
					t.Error(err)
				}
				end()
			}
		})
	}
	<-written
	const differ = `SELECT count(*) FROM (SELECT id FROM events EXCEPT ALL SELECT id FROM effects
		UNION ALL (SELECT id FROM effects EXCEPT ALL SELECT id FROM events)) AS difference`
	eventually(t, func() bool { return value[int](t, pool, differ) == 0 })
	stop()
	group.Wait()
	if wrong := value[int](t, pool, differ); wrong != 0 {
		t.Errorf("%d effects too many or too few", wrong)
	}
}

// A failure holds back its own aggregate, in its order, and is told; the event comes again.
func TestAFailureComesAgain(t *testing.T) {
	pool, store, bus := newBus(t)
	execute(t, pool, "CREATE TABLE effects (id uuid, n serial)")
	id, other := uuid.New(), uuid.New()
	first, second, third := fooOf(id, 1), fooOf(id, 2), fooOf(other, 1)
	must(t, store.Insert(t.Context(), first, second, third))
	fails := true
	failures, err := bus.From(goesstore.Beginning).Handle(t.Context(), "effects", nil,
		func(ctx context.Context, tx pgx.Tx, e event.Event) error {
			if _, err := tx.Exec(ctx, "INSERT INTO effects VALUES ($1)", e.ID()); err != nil {
				return err
			}
			if fails && e.ID() == first.ID() {
				fails = false
				return errors.New("no paper")
			}
			return nil
		}, goesstore.Partitions(1))
	must(t, err)
	requireText(t, <-failures, "no paper")
	go ignored(failures)
	eventually(t, func() bool { return value[int](t, pool, "SELECT count(*) FROM effects") == 3 })
	got := value[[]uuid.UUID](t, pool, "SELECT array_agg(id ORDER BY n) FROM effects")
	if wanted := []uuid.UUID{third.ID(), first.ID(), second.ID()}; fmt.Sprint(got) != fmt.Sprint(wanted) {
		t.Errorf("%v instead of %v", got, wanted)
	}
}

// A handler that stores events does so exactly once, too.
func TestAHandlerStoresEvents(t *testing.T) {
	_, store, bus := newBus(t)
	events, failed, err := bus.Subscribe(t.Context(), "bar")
	must(t, err)
	failures, err := bus.Handle(t.Context(), "invoices", []string{"foo"},
		func(ctx context.Context, tx pgx.Tx, e event.Event) error {
			id, _, _ := e.Aggregate()
			bar := event.New[any]("bar", test.BarEventData{A: "made"}, event.Aggregate(id, "invoice", 1))
			return goesstore.NewEventStore(tx, test.NewEncoder()).Insert(ctx, bar)
		})
	must(t, err)
	go func() {
		for err := range failures {
			t.Error(err)
		}
	}()
	id := uuid.New()
	must(t, store.Insert(t.Context(), fooOf(id, 1)))
	if made, _, _ := next(t, events, failed).Aggregate(); made != id {
		t.Errorf("an invoice of %s instead of %s", made, id)
	}
}

// A worker that is stopped leaves nothing behind that others would have to wait for.
func TestAStoppedWorkerLeavesNothing(t *testing.T) {
	pool, store, bus := newBus(t)
	ctx, stop := context.WithCancel(t.Context())
	started := make(chan struct{})
	failures, err := bus.Handle(ctx, "slow", nil, func(ctx context.Context, _ pgx.Tx, _ event.Event) error {
		close(started)
		<-ctx.Done()
		return ctx.Err()
	}, goesstore.Lease(time.Hour))
	must(t, err)
	e := foo()
	must(t, store.Insert(t.Context(), e))
	<-started
	stop()
	ignored(failures)

	waiting, end := context.WithCancel(t.Context())
	failures, err = bus.Handle(waiting, "slow", nil, nil) // waits for events, and is stopped as well
	must(t, err)
	end()
	ignored(failures)

	done := make(chan uuid.UUID)
	failures, err = bus.Handle(t.Context(), "slow", nil, func(_ context.Context, _ pgx.Tx, e event.Event) error {
		done <- e.ID()
		return nil
	})
	must(t, err)
	go ignored(failures)
	select {
	case id := <-done:
		if id != e.ID() {
			t.Errorf("another event: %s", id)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the event is still leased")
	}
	eventually(t, func() bool { return value[int](t, pool, "SELECT sum(behind) FROM goes_subscription_lag()") == 0 })
}

// A subscription that somebody has removed ends its workers; one with other filters is refused.
func TestAWorkerOfNoSubscriptionEnds(t *testing.T) {
	pool, _, bus := newBus(t)
	failures, err := bus.Handle(t.Context(), "counts", []string{"foo"}, noteEffect)
	must(t, err)
	_, err = bus.Handle(t.Context(), "counts", []string{"bar"}, noteEffect)
	requireState(t, err, "22023")
	execute(t, pool, "SELECT goes_unsubscribe('counts')")
	requireState(t, <-failures, "42704")
	if _, isOpen := <-failures; isOpen {
		t.Error("the worker goes on")
	}
}
