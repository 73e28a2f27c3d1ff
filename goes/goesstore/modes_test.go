package goesstore_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/aggregate"
	"github.com/modernice/goes/aggregate/snapshot"
	squery "github.com/modernice/goes/aggregate/snapshot/query"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/query"
	"github.com/modernice/goes/event/query/time"
	"github.com/modernice/goes/event/query/version"
	"github.com/modernice/goes/event/test"
	"github.com/modernice/goes/helper/streams"

	"goes_store/goesstore"
)

// Behind a pooler in transaction mode pgx must not prepare statements. Everything works in those modes of
// pgx, too.
func TestWithoutPreparedStatements(t *testing.T) {
	for _, mode := range []string{"exec", "simple_protocol", "describe_exec"} {
		t.Run(mode, func(t *testing.T) {
			ctx := t.Context()
			created, _, _ := newBus(t)
			pool := connect(t, created.Config().ConnString()+" default_query_exec_mode="+mode)
			store := goesstore.NewEventStore(pool, test.NewEncoder())
			bus := goesstore.NewEventBus(store)
			id := uuid.New()
			all := []event.Event{fooOf(id, 1), fooOf(id, 2), foo()}
			must(t, bus.Publish(ctx, all...))
			if e, err := store.Find(ctx, all[2].ID()); err != nil || !event.Equal(e, all[2]) {
				t.Errorf("find: %v %v", e, err)
			}
			queries := map[string][]query.Option{
				"narrow": {query.Aggregate("order", id), query.AggregateVersion(version.Min(1), version.Exact(1, 2))},
				"wide": {query.Name("foo"), query.AggregateName("order"), query.SortByTime(),
					query.Time(time.Min(all[0].Time()), time.Max(all[2].Time()))},
				"ids": {query.ID(all[0].ID(), all[1].ID()), query.AggregateID(id)},
			}
			for name, options := range queries {
				events, failures, err := store.Query(ctx, query.New(options...))
				must(t, err)
				if found, err := streams.Drain(ctx, events, failures); err != nil || len(found) != 2 {
					t.Errorf("%s: %v %v", name, found, err)
				}
			}

			snapshots := goesstore.NewSnapshotStore(pool)
			must(t, snapshots.Create(ctx))
			snap, err := snapshot.New(aggregate.New("order", id, aggregate.Version(2)), snapshot.Data([]byte{0, 255}))
			must(t, err)
			must(t, snapshots.Save(ctx, snap))
			if latest, err := snapshots.Latest(ctx, "order", id); err != nil || string(latest.State()) != "\x00\xff" {
				t.Errorf("snapshot: %v %v", latest, err)
			}
			found, failures, err := snapshots.Query(ctx, squery.New(squery.ID(id), squery.Version(version.Min(1))))
			must(t, err)
			if drained, err := streams.Drain(ctx, found, failures); err != nil || len(drained) != 1 {
				t.Errorf("snapshots: %v %v", drained, err)
			}
			must(t, snapshots.Delete(ctx, snap))

			models := goesstore.NewModelRepository[*total, uuid.UUID](pool, goesstore.ModelFactory(newTotal, true))
			must(t, models.Create(ctx))
			must(t, models.Use(ctx, id, func(m *total) error { m.Count++; return nil }))
			if m, err := models.Fetch(ctx, id); err != nil || m.Count != 101 {
				t.Errorf("model: %v %v", m, err)
			}

			done := make(chan uuid.UUID)
			ended, err := bus.From(goesstore.Beginning).Handle(ctx, "everything", []string{"foo", "bar"},
				func(_ context.Context, _ pgx.Tx, e event.Event) error { done <- e.ID(); return nil },
				goesstore.Partitions(1))
			must(t, err)
			subscribed, failed, err := bus.From(goesstore.Beginning).Subscribe(ctx, event.All)
			must(t, err)
			for _, wanted := range all {
				if e := next(t, subscribed, failed); e.ID() != wanted.ID() {
					t.Errorf("feed: %v", e)
				}
				select {
				case got := <-done:
					if got != wanted.ID() {
						t.Errorf("subscription: %s", got)
					}
				case err := <-ended:
					t.Fatal(err)
				}
			}
			go ignored(ended)
			must(t, store.Delete(ctx, all...))
		})
	}
}
