package sharing

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
	const database, count = "sharing_disjoint", 50
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
	const database, versions = "sharing_race", 60
	goes, libgoes := openGoes(t, database), openLibgoes(t, database)
	writers := []writer{goes, openGoes(t, database), libgoes, openLibgoes(t, database)}
	aggregate := uuid.New()
	var history []record
	won := map[string]int{}
	for version := 1; version <= versions; version++ {
		events, failures := race(writers, aggregate, version)
		winner := requireOneWinner(t, version, failures, "23505")
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

// requireOneWinner returns who won. The others have to know that they lost to a taken version: goes by
// the index's error, libgoes by its status, the SQLSTATE and the version that is there.
func requireOneWinner(t *testing.T, version int, failures []error, state string) int {
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
			if refused.status != statusConflict || refused.state != state || refused.currentVersion != version {
				t.Fatalf("version %d: current version %d: %v", version, refused.currentVersion, err)
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

// An append that comes after goes or another append is told so, with the version that is there; a
// goes that comes second gets the index's error.
func TestAppendsAndGoesRaceForAVersion(t *testing.T) {
	const database, versions = "sharing_append_race", 60
	goes, libgoes := openGoes(t, database), openLibgoes(t, database)
	aggregate := uuid.New()
	writers := []writer{goes, appender{libgoes}, openGoes(t, database), appender{openLibgoes(t, database)}}
	var history []record
	for version := 1; version <= versions; version++ {
		events, failures := race(writers, aggregate, version)
		winner := requireOneWinner(t, version, failures, "VE001")
		history = append(history, events[winner])
	}
	requireSameOrder(t, "goes", goes.query(t, orderHistory(aggregate)...), history)
	requireSound(t, goes)
}

// appender inserts by goes_append, expecting the version before.
type appender struct{ *libgoesStore }

func (a appender) insert(records ...record) error {
	_, err := a.append(records[0].aggregateVersion-1, records...)
	return err
}

// Appends of "any" all land beside a goes that tries until it does, and leave no gap.
func TestAppendsOfAnyLandBesideGoes(t *testing.T) {
	const database, count = "sharing_append_any", 40
	goes, libgoes := openGoes(t, database), openLibgoes(t, database)
	aggregate := uuid.New()
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; i < count; i++ {
			r := order(aggregate, 0)
			appended, err := libgoes.append(expectAny, r)
			if err != nil || len(appended) != 1 || appended[0].id != r.id {
				t.Errorf("append: %v %v", appended, err)
				return
			}
		}
	})
	for stored, version := 0, 1; stored < count; version++ {
		if err := goes.insert(order(aggregate, version)); err == nil {
			stored++
		} else {
			requireState(t, err, "23505")
		}
	}
	group.Wait()
	for i, r := range goes.query(t, orderHistory(aggregate)...) {
		if r.aggregateVersion != i+1 {
			t.Fatalf("event %d has version %d", i+1, r.aggregateVersion)
		}
	}
	if n := len(libgoes.query(t)); n != 2*count {
		t.Errorf("%d events instead of %d", n, 2*count)
	}
}

func TestATakenIDIsRefusedEitherWay(t *testing.T) {
	goes, libgoes := openGoes(t, "sharing_ids"), openLibgoes(t, "sharing_ids")
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
