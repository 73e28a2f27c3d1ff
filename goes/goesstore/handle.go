package goesstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/event"
)

// Handler does what an event is for. What it stores by the transaction counts once, however often the
// worker crashes; what it does elsewhere is done at least once. If it returns an error, what it has
// stored for this event is undone, and the event comes again later: see docs/subscriptions.md.
type Handler func(ctx context.Context, tx pgx.Tx, e event.Event) error

// HandleOption is an option of EventBus.Handle.
type HandleOption func(*worker)

// Partitions says how many workers of a subscription can be busy at once; by default 16. It is fixed
// when the subscription is made.
func Partitions(n int) HandleOption { return func(w *worker) { w.partitions = n } }

// BatchSize says how many events a worker takes at a time, at most; by default 100. Those of a partition
// are done in one transaction.
func BatchSize(n int) HandleOption { return func(w *worker) { w.batchSize = n } }

// Lease says how long others leave a worker its events; by default 30 seconds. It has to be longer than
// a batch takes.
func Lease(d time.Duration) HandleOption { return func(w *worker) { w.lease = d } }

// workers counts those of this process, for their names.
var workers atomic.Int64

// Handle works for a durable subscription, until the context is done. The subscription is made if it is
// missing; it begins now or, of a bus by From, behind its cursor, and names filter its events (none, or
// event.All: all). Call it in as many processes as you like, and several times in one: they share the
// events, and those of an aggregate are done in their order. Each call takes a connection of the pool.
//
// Errors come on the channel, which must be read, and is closed at the end: those of the handler, and
// those of the database, after which the worker tries again. After an error that does not pass (the
// subscription was removed, a privilege is missing) it ends.
func (b *EventBus) Handle(ctx context.Context, subscription string, names []string, handle Handler,
	options ...HandleOption) (<-chan error, error) {
	host, _ := os.Hostname()
	w := &worker{bus: b, subscription: subscription, handle: handle, failures: make(chan error),
		name:       fmt.Sprintf("%s %d %d", host, os.Getpid(), workers.Add(1)),
		partitions: 16, batchSize: 100, lease: 30 * time.Second}
	for _, option := range options {
		option(w)
	}
	if err := w.subscribe(ctx, names); err != nil {
		return nil, err
	}
	go w.run(ctx)
	return w.failures, nil
}

// worker is one worker of a subscription.
type worker struct {
	bus          *EventBus
	subscription string
	name         string
	handle       Handler
	partitions   int
	batchSize    int
	lease        time.Duration
	failures     chan error
}

// subscribe makes the subscription, unless it is there.
func (w *worker) subscribe(ctx context.Context, names []string) error {
	start := int64(-1)
	if w.bus.start != nil {
		start = w.bus.start.Position
	}
	for _, name := range names {
		if name == event.All {
			names = nil
			break
		}
	}
	_, err := w.bus.store.db.Exec(ctx, `SELECT goes_subscribe($1, partitions => $2::integer, start => $3, names => $4::text[],
		events => $5, store => $6)`, w.subscription, w.partitions, start, names, w.bus.store.table, w.bus.subscriptions)
	if err != nil {
		return explained(fmt.Sprintf("subscribe %q", w.subscription), err)
	}
	return nil
}

// run claims events and has them handled until the context is done.
func (w *worker) run(ctx context.Context) {
	defer close(w.failures)
	for ctx.Err() == nil {
		batches, err := w.claim(ctx)
		if err != nil {
			if !w.fail(ctx, err) {
				return
			}
			continue
		}
		for i, batch := range batches {
			if err := w.work(ctx, batch); err != nil && !w.fail(ctx, err) {
				w.release(ctx, batches[i:])
				return
			}
		}
	}
}

// fail tells about an error of the database, waits a while, and returns whether to go on.
func (w *worker) fail(ctx context.Context, err error) bool {
	return ctx.Err() == nil && send(ctx, w.failures, err) && passes(err) && sleep(ctx, pause)
}

// batch is what a worker has of one partition.
type batch struct {
	partition int
	epoch     int64
	events    []fedEvent
}

// claim takes events, and waits for some. In a transaction, so that a worker that ends meanwhile has
// taken none.
func (w *worker) claim(ctx context.Context) ([]*batch, error) {
	var batches []*batch
	err := pgx.BeginFunc(ctx, w.bus.store.db, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT "partition", epoch, "position", `+eventColumns+
			" FROM goes_claim($1, $2, $3, lease_ms => $4::integer, wait_ms => $5::integer, store => $6)",
			w.subscription, w.name, w.batchSize, w.lease.Milliseconds(), longestWait.Milliseconds(), w.bus.subscriptions)
		if err != nil {
			return err
		}
		defer rows.Close()
		byPartition := map[int]*batch{}
		for rows.Next() {
			var partition int
			var epoch int64
			var row fedEvent
			targets := append([]any{&partition, &epoch, &row.position}, row.event.targets()...)
			if err := rows.Scan(targets...); err != nil {
				return err
			}
			mine := byPartition[partition]
			if mine == nil {
				mine = &batch{partition: partition, epoch: epoch}
				byPartition[partition] = mine
				batches = append(batches, mine)
			}
			mine.events = append(mine.events, row)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, explained(fmt.Sprintf("claim events of %q", w.subscription), err)
	}
	return batches, nil
}

// work handles the events of a partition, and says what is done, in one transaction. If another worker
// has them meanwhile (VE005), nothing of that is stored, and it is no error.
func (w *worker) work(ctx context.Context, mine *batch) error {
	var outcome outcome
	err := pgx.BeginFunc(ctx, w.bus.store.db, func(tx pgx.Tx) error {
		for _, row := range mine.events {
			if outcome.isBehindFailure(row) {
				continue // comes again behind the one that failed
			}
			if err := w.attempt(ctx, tx, row); tx.Conn().IsClosed() || ctx.Err() != nil {
				return errors.Join(err, ctx.Err())
			} else {
				outcome.add(row, err)
			}
		}
		_, err := tx.Exec(ctx, "SELECT goes_done($1, $2::integer, $3, done => $4, failed => $5, errors => $6, store => $7)",
			w.subscription, mine.partition, mine.epoch, outcome.done, outcome.failed, outcome.reasons, w.bus.subscriptions)
		return err
	})
	switch {
	case hasState(err, "VE005"):
		return nil
	case err != nil:
		w.release(ctx, []*batch{mine})
		return explained(fmt.Sprintf("handle events of %q", w.subscription), err)
	}
	for _, failure := range outcome.failures {
		send(ctx, w.failures, failure)
	}
	return nil
}

// attempt has one event handled, and undoes what was stored for it if that fails.
func (w *worker) attempt(ctx context.Context, tx pgx.Tx, row fedEvent) error {
	e, err := row.event.decode(w.bus.store.encoding)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		return w.handle(ctx, savepoint, deliveredEvent{e, row.position})
	})
}

// release gives events back at once, instead of when the lease ends.
func (w *worker) release(ctx context.Context, batches []*batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pause)
	defer cancel()
	for _, mine := range batches {
		// if that fails the lease ends by itself
		_, _ = w.bus.store.db.Exec(ctx, "SELECT goes_release($1, $2::integer, $3, store => $4)",
			w.subscription, mine.partition, mine.epoch, w.bus.subscriptions)
	}
}

// outcome is what has become of a batch.
type outcome struct {
	done, failed []int64
	reasons      []string
	failures     []error
	stuck        map[aggregateKey]bool
}

// aggregateKey is an aggregate.
type aggregateKey struct {
	name string
	id   uuid.UUID
}

// keyOf returns the aggregate of an event, as the server has it, or false if it has none.
func keyOf(e storedEvent) (aggregateKey, bool) {
	if e.aggregateID == nil || *e.aggregateID == uuid.Nil {
		return aggregateKey{}, false
	}
	key := aggregateKey{id: *e.aggregateID}
	if e.aggregateName != nil {
		key.name = *e.aggregateName
	}
	return key, true
}

func (o *outcome) isBehindFailure(row fedEvent) bool {
	key, hasAggregate := keyOf(row.event)
	return hasAggregate && o.stuck[key]
}

// add notes what has become of an event.
func (o *outcome) add(row fedEvent, err error) {
	if err == nil {
		o.done = append(o.done, row.position)
		return
	}
	o.failed = append(o.failed, row.position)
	o.reasons = append(o.reasons, err.Error())
	o.failures = append(o.failures, fmt.Errorf("goesstore: handle %q event %s: %w", row.event.name, row.event.id, err))
	if key, hasAggregate := keyOf(row.event); hasAggregate {
		if o.stuck == nil {
			o.stuck = map[aggregateKey]bool{}
		}
		o.stuck[key] = true
	}
}
