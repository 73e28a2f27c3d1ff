package goesstore_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/eventbus"
	"github.com/modernice/goes/event/test"
	"github.com/modernice/goes/projection"
	"github.com/modernice/goes/projection/schedule"

	"goes_store/goesstore"
)

// seen is a projection that notes its events, and how far it has come.
type seen struct {
	mutex  sync.Mutex
	ids    map[uuid.UUID]int
	read   goesstore.Cursor // up to the events that it has applied
	cursor goesstore.Cursor // up to the jobs that it has applied, as it would store it
}

func newSeen() *seen { return &seen{ids: map[uuid.UUID]int{}} }

// ApplyEvent is goes' call for each event.
func (s *seen) ApplyEvent(e event.Event) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ids[e.ID()]++
	s.read.Advance(e)
}

// apply applies a job. Its events come by time, so the cursor moves on when all of them are done.
func (s *seen) apply(job projection.Job) error {
	if err := job.Apply(job, s); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.cursor = s.read
	return nil
}

// position returns where a new run begins.
func (s *seen) position() goesstore.Cursor {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.cursor
}

// requireAll waits until it has seen every event of the store.
func (s *seen) requireAll(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	all := value[[]uuid.UUID](t, pool, "SELECT array_agg(id) FROM events")
	eventually(t, func() bool { return s.lacks(all) == 0 })
}

// startWriters has 8 writers commit out of order. The channel is closed when they have ended.
func startWriters(t *testing.T, pool *pgxpool.Pool) <-chan struct{} {
	written := make(chan struct{})
	go func() {
		defer close(written)
		writeOutOfOrder(t, pool, 40)
	}()
	return written
}

// lacks returns how many of these events it has not seen.
func (s *seen) lacks(all []uuid.UUID) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lost := 0
	for _, id := range all {
		if s.ids[id] == 0 {
			lost++
		}
	}
	return lost
}

// byTime is the same projection as goes has it catch up: by the time of its last event.
type byTime struct {
	*seen
	at  time.Time
	ids []uuid.UUID
}

func (p *byTime) Progress() (time.Time, []uuid.UUID)            { return p.at, p.ids }
func (p *byTime) SetProgress(at time.Time, events ...uuid.UUID) { p.at, p.ids = at, events }

// run runs a schedule until a function returns.
func run(t *testing.T, s *schedule.Continuous, apply func(projection.Job) error, until func(),
	options ...projection.SubscribeOption) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	failures, err := s.Subscribe(ctx, apply, options...)
	must(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for err := range failures {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}()
	until()
	stop()
	<-ended
}

// A projection is stopped and goes on, again and again, while 8 writers commit out of order. It lacks no
// event of theirs: goes' schedule begins where the cursor is, and the bus brings what was missed.
func TestContinuouslyLosesNothing(t *testing.T) {
	pool, store, bus := newBus(t)
	written := startWriters(t, pool)
	p, runs := newSeen(), 0
	follow := func(until func()) {
		runs++
		run(t, schedule.Continuously(bus.From(p.position()), store, []string{"foo"}), p.apply, until)
	}
	for isWriting := true; isWriting; {
		follow(func() {
			select {
			case <-written:
				isWriting = false
			case <-time.After(time.Duration(20+rand.IntN(80)) * time.Millisecond):
			}
		})
	}
	follow(func() { p.requireAll(t, pool) })
	t.Logf("%d events in %d runs", len(p.ids), runs)
}

// Jobs of several events, which goes sorts by time. It is stopped once, at the end: goes 0.9.0 may panic
// when it is stopped while a job is being made.
func TestDebouncedLosesNothing(t *testing.T) {
	pool, store, bus := newBus(t)
	written := startWriters(t, pool)
	p := newSeen()
	debounced := schedule.Continuously(bus.From(goesstore.Beginning), store, []string{"foo"},
		schedule.Debounce(5*time.Millisecond), schedule.DebounceCap(20*time.Millisecond))
	run(t, debounced, p.apply, func() {
		<-written
		p.requireAll(t, pool)
		last := value[int64](t, pool, "SELECT max(position) FROM events")
		eventually(t, func() bool { return p.position().Position == last })
	})
}

// goes' other way to catch up is to read the whole history at the start. What is committed meanwhile,
// and was begun before, comes by the bus.
func TestAStartupLosesNothing(t *testing.T) {
	pool, store, bus := newBus(t)
	written := startWriters(t, pool)
	time.Sleep(50 * time.Millisecond)
	p := newSeen()
	run(t, schedule.Continuously(bus, store, []string{"foo"}), p.apply, func() {
		<-written
		p.requireAll(t, pool)
	}, projection.Startup())
}

// goes' own catch-up goes by time: what was committed late, with a time before that of the last event
// which was applied, is lost. By a cursor it is not.
func TestGoesOwnCatchUpLosesAnEvent(t *testing.T) {
	pool, store, bus := newBus(t)
	late, early := foo(), event.New[any]("foo", test.FooEventData{}, event.Time(time.Now().Add(time.Millisecond)))
	all := []uuid.UUID{late.ID(), early.ID()}
	goes, ours := &byTime{seen: newSeen()}, newSeen()
	catchUp := func(wanted uuid.UUID) {
		run(t, schedule.Continuously(eventbus.New(), store, []string{"foo"}),
			func(job projection.Job) error { return job.Apply(job, goes) }, func() {}, projection.Startup())
		run(t, schedule.Continuously(bus.From(ours.position()), store, []string{"foo"}), ours.apply,
			func() { eventually(t, func() bool { return ours.lacks([]uuid.UUID{wanted}) == 0 }) })
	}
	must(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if err := store.Insert(t.Context(), early); err != nil {
			return err
		}
		catchUp(early.ID())
		return goesstore.NewEventStore(tx, test.NewEncoder()).Insert(t.Context(), late)
	}))
	catchUp(late.ID())
	if goes.lacks(all) != 1 {
		t.Errorf("goes lacks %d of 2 events: docs/goes.md says one", goes.lacks(all))
	}
	if ours.lacks(all) != 0 {
		t.Errorf("by the cursor %d of 2 events are missing", ours.lacks(all))
	}
}

// eventually waits for a condition.
func eventually(t testing.TB, isSo func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !isSo(); {
		if time.Now().After(deadline) {
			t.Fatal("it never comes true")
		}
		time.Sleep(2 * time.Millisecond)
	}
}
