package compat

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// writer is either side.
type writer interface {
	insert(records ...record) error
}

func TestBothWriteAtOnceToDifferentAggregates(t *testing.T) {
	const database, count = "compat_disjoint", 50
	goes := openGoes(t, database)
	writers := []writer{goes, openGoes(t, database), openLibgoes(t, database), openLibgoes(t, database)}
	var group sync.WaitGroup
	var all []record
	for _, w := range writers {
		aggregate := uuid.New()
		history := make([]record, count)
		for i := range history {
			history[i] = order(aggregate, i+1)
		}
		all = append(all, history...)
		group.Go(func() {
			for _, r := range history {
				if err := w.insert(r); err != nil {
					t.Errorf("%T: %v", w, err)
					return
				}
			}
		})
	}
	group.Wait()
	requireSame(t, "goes", goes.query(t), all)
	requireSame(t, "libgoes", openLibgoes(t, database).query(t), all)
}

func TestExactlyOneWinsAVersion(t *testing.T) {
	const database, versions = "compat_race", 60
	goes, libgoes := openGoes(t, database), openLibgoes(t, database)
	writers := []writer{goes, openGoes(t, database), libgoes, openLibgoes(t, database)}
	aggregate := uuid.New()
	var history []record
	won := map[string]int{}
	for version := 1; version <= versions; version++ {
		events, failures := race(writers, aggregate, version)
		winner := requireOneWinner(t, version, failures)
		history = append(history, events[winner])
		won[fmt.Sprintf("%T", writers[winner])]++
	}
	t.Logf("won: %v", won)
	requireSameOrder(t, "goes", goes.query(t, orderHistory(aggregate)...), history)
	requireSameOrder(t, "libgoes",
		libgoes.query(t, "aggregate="+aggregate.String()+",order", "sort=aggregate_version"), history)
}

// race lets all the writers insert an event of their own as the same version, at the same time.
func race(writers []writer, aggregate uuid.UUID, version int) ([]record, []error) {
	events := make([]record, len(writers))
	failures := make([]error, len(writers))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i, w := range writers {
		events[i] = order(aggregate, version)
		group.Go(func() {
			<-start
			failures[i] = w.insert(events[i])
		})
	}
	close(start)
	group.Wait()
	return events, failures
}

// requireOneWinner returns who won; the others have to know that they lost to a taken version.
func requireOneWinner(t *testing.T, version int, failures []error) int {
	t.Helper()
	winner := -1
	for i, err := range failures {
		var refused *libgoesError
		switch {
		case err == nil && winner >= 0:
			t.Fatalf("version %d: two writers were told that they had won", version)
		case err == nil:
			winner = i
		case errors.As(err, &refused):
			if refused.status != statusConflict || refused.state != "23505" {
				t.Fatalf("version %d: %v", version, err)
			}
		default:
			requireState(t, err, "23505")
		}
	}
	if winner < 0 {
		t.Fatalf("version %d: nobody won: %v", version, failures)
	}
	return winner
}

func TestATakenIDIsRefusedEitherWay(t *testing.T) {
	goes, libgoes := openGoes(t, "compat_ids"), openLibgoes(t, "compat_ids")
	a, b := order(uuid.New(), 1), order(uuid.New(), 1)
	goes.mustInsert(t, a)
	libgoes.mustInsert(t, b)
	again := order(uuid.New(), 1)
	again.id = a.id
	var refused *libgoesError
	if err := libgoes.insert(again); !errors.As(err, &refused) || refused.status != statusDuplicate {
		t.Errorf("libgoes: %v", err)
	}
	again.id = b.id
	requireState(t, goes.insert(order(uuid.New(), 1), again), "23505")
	requireSame(t, "goes", goes.query(t), []record{a, b})
}
