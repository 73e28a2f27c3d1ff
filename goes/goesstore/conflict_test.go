package goesstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/modernice/goes/aggregate"
	"github.com/modernice/goes/aggregate/repository"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/test"

	"goes_store/goesstore"
)

func TestATakenVersionIsAConsistencyError(t *testing.T) {
	ctx := context.Background()
	pool := newPool(t)
	// the second table of a schema has an index of another name
	for _, table := range []string{"events", "orders"} {
		store := goesstore.NewEventStore(pool, test.NewEncoder(), goesstore.Table(table))
		must(t, store.Create(ctx))
		first := fooOf(uuid.New(), 1)
		must(t, store.Insert(ctx, first))
		id, _, _ := first.Aggregate()

		err := store.Insert(ctx, fooOf(id, 2), fooOf(id, 1))
		requireState(t, err, "23505")
		var server *pgconn.PgError
		if !aggregate.IsConsistencyError(err) || !errors.As(err, &server) {
			t.Errorf("%s: a taken version: %v", table, err)
		}
		if found := value[int](t, pool, "SELECT count(*) FROM "+table); found != 1 {
			t.Errorf("%s has %d events: all or nothing", table, found)
		}
		again := event.New[any]("foo", test.FooEventData{}, event.ID(first.ID()))
		err = store.Insert(ctx, again)
		requireState(t, err, "23505")
		if aggregate.IsConsistencyError(err) {
			t.Errorf("%s: a taken id: %v", table, err)
		}
	}
}

// Who may not read the table is not told by the server which columns an index has.
func TestAWriterThatMayNotReadLearnsOfConflicts(t *testing.T) {
	ctx := context.Background()
	pool, _ := newStore(t)
	role := value[string](t, pool, "SELECT current_database() || '_writer'")
	execute(t, pool, "CREATE ROLE "+role+" LOGIN PASSWORD 'w'")
	execute(t, pool, "GRANT INSERT ON events TO "+role)
	writers := connect(t, pool.Config().ConnString()+" user="+role+" password=w")
	store := goesstore.NewEventStore(writers, test.NewEncoder())
	e := fooOf(uuid.New(), 1)
	must(t, store.Insert(ctx, e))
	id, _, _ := e.Aggregate()
	if err := store.Insert(ctx, fooOf(id, 1)); !aggregate.IsConsistencyError(err) {
		t.Errorf("a taken version: %v", err)
	}
	if err := store.Insert(ctx, e); err == nil {
		t.Error("the same event is stored twice")
	}
	_, err := store.Find(ctx, e.ID())
	requireState(t, err, "42501")
}

func TestWhatAGuardRefusesIsAConsistencyError(t *testing.T) {
	ctx := context.Background()
	pool, store := newStore(t)
	execute(t, pool, "SELECT goes_alter_store(validate_versions => 'sequential')")
	id := uuid.New()
	must(t, store.Insert(ctx, fooOf(id, 1), fooOf(id, 2)))

	err := store.Insert(ctx, fooOf(id, 3), fooOf(id, 5))
	requireState(t, err, "VE001")
	var conflict *goesstore.ConflictError
	if !aggregate.IsConsistencyError(err) || !errors.As(err, &conflict) {
		t.Fatalf("a gap: %v", err)
	}
	execute(t, pool, "SELECT goes_alter_store(validate_versions => 'increasing')")
	must(t, store.Insert(ctx, fooOf(id, 9)))
	if err := store.Insert(ctx, fooOf(id, 4)); !aggregate.IsConsistencyError(err) {
		t.Errorf("a version that is not higher, under increasing: %v", err)
	}
	if conflict.AggregateName != "order" || conflict.AggregateID != id || conflict.CurrentVersion != 2 ||
		conflict.EventVersion != 5 || conflict.EventIndex != 2 {
		t.Errorf("the server's DETAIL is lost: %+v", *conflict)
	}
}

func TestAppendOnlyRefusesDelete(t *testing.T) {
	ctx := context.Background()
	pool, store := newStore(t)
	execute(t, pool, "SELECT goes_alter_store(append_only => true)")
	e := foo()
	must(t, store.Insert(ctx, e))
	err := store.Delete(ctx, e)
	requireState(t, err, "VE002")
	if aggregate.IsConsistencyError(err) {
		t.Error("a retry of goes' would not help")
	}
}

// order is an aggregate that goes tries again when somebody else was faster.
type order struct {
	*aggregate.Base
	tries *int
}

func (o *order) RetryUse() (repository.RetryTrigger, repository.IsRetryable) {
	return repository.RetryEvery(time.Millisecond, 100), aggregate.IsConsistencyError
}

// goes' repository loads an aggregate, changes it and saves it. Of several that do so at once all get
// their turn, since goes recognises the conflict.
func TestGoesRepositoryTriesAgain(t *testing.T) {
	ctx := context.Background()
	const writers, changes = 8, 10
	_, store := newStore(t)
	orders := repository.New(store)
	id := uuid.New()
	var tries [writers]int
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for range changes {
				o := &order{aggregate.New("order", id), &tries[w]}
				if err := orders.Use(ctx, o, func() error {
					*o.tries++
					aggregate.Next(o, "foo", test.FooEventData{})
					return nil
				}); err != nil {
					t.Errorf("writer %d: %v", w, err)
				}
			}
		})
	}
	group.Wait()
	o := aggregate.New("order", id)
	must(t, orders.Fetch(ctx, o))
	if o.AggregateVersion() != writers*changes {
		t.Errorf("version %d instead of %d", o.AggregateVersion(), writers*changes)
	}
	all := 0
	for _, n := range tries {
		all += n
	}
	if all == writers*changes {
		t.Error("nobody was in anybody's way, so nothing was proved")
	}
}
