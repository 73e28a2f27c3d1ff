package goesstore_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modernice/goes/aggregate/snapshot"
	"github.com/modernice/goes/aggregate/snapshot/storetest"
	"github.com/modernice/goes/backend/testing/eventbustest"
	"github.com/modernice/goes/backend/testing/eventstoretest"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"

	"goes_store/goesstore"
)

// goes' own tests of an event store.
func TestEventStore(t *testing.T) {
	t.Parallel()
	eventstoretest.Run(t, "goesstore", func(encoding codec.Encoding) event.Store {
		store := goesstore.NewEventStore(newPool(t), encoding)
		must(t, store.Create(context.Background()))
		return store
	})
}

// goes' own tests of a snapshot store.
func TestSnapshotStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func() snapshot.Store {
		store := goesstore.NewSnapshotStore(newPool(t))
		must(t, store.Create(context.Background()))
		return store
	})
}

// apart runs a test of this file in a process of its own, and returns what it prints.
func apart(test, setting string) (output string, err error) {
	command := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	command.Env = append(os.Environ(), setting)
	text, err := command.CombinedOutput()
	return string(text), err
}

// TestBusOnce is goes' own tests of an event bus.
func TestBusOnce(t *testing.T) {
	if os.Getenv("BUS") == "" {
		t.Skip("is run by TestEventBus")
	}
	bus := func(encoding codec.Encoding) event.Bus {
		pool := newPool(t)
		bus := goesstore.NewEventBus(goesstore.NewEventStore(pool, encoding))
		must(t, bus.Create(context.Background()))
		var group sync.WaitGroup
		for range 5 { // connections, which take their time to be made
			group.Go(func() { execute(t, pool, "SELECT FROM goes_feed(wait_ms => 30)") })
		}
		group.Wait()
		return bus
	}
	eventbustest.RunCore(t, bus)
	eventbustest.RunWildcard(t, bus)
}

// goes' tests of a bus give an event 100 ms to be stored and delivered. A machine that is busy otherwise
// may not make that, so there are three tries.
func TestEventBus(t *testing.T) {
	for try := 1; ; try++ {
		output, err := apart("TestBusOnce", "BUS=1")
		if err == nil {
			return
		}
		if try == 3 {
			t.Fatal(output)
		}
		t.Logf("try %d failed", try) // its output would be counted as a failure
	}
}

// guard refuses some cases of goes' tests of an event store.
type guard struct {
	name, statement, state string
	cases                  []string
}

var guards = []guard{
	{"sequential", "SELECT goes_alter_store(validate_versions => 'sequential')", "VE001", []string{
		"Insert/SingleInsert", "Query/QueryAggregateID", "Query/QueryAggregateName",
		"Query/QueryAggregateVersion", "Query/QueryName",
		"Query/Sorting/SortAggregateID(asc)", "Query/Sorting/SortAggregateID(desc)",
		"Query/Sorting/SortAggregateName(asc)", "Query/Sorting/SortAggregateName(desc)",
		"Query/Sorting/SortAggregateName(desc)+SortAggregateVersion(asc)",
		"Query/Sorting/SortAggregateVersion(asc)", "Query/Sorting/SortAggregateVersion(desc)",
		"Query/Sorting/SortTime(asc)", "Query/Sorting/SortTime(desc)",
		"Query/Sorting/Time+SortTime(asc)", "Query/Sorting/Time+SortTime(desc)"}},
	{"append_only", "SELECT goes_alter_store(append_only => true)", "VE002", []string{
		"Concurrency/ConcurrentDelete", "Delete"}},
}

// TestUnderGuard is goes' own tests on a store with the guard that GUARD names. They fail, so another
// test runs this one, in a process of its own.
func TestUnderGuard(t *testing.T) {
	at := slices.IndexFunc(guards, func(g guard) bool { return g.name == os.Getenv("GUARD") })
	if at < 0 {
		t.Skip("is run by TestGuardsRefuse")
	}
	eventstoretest.Run(t, "guarded", func(encoding codec.Encoding) event.Store {
		pool := newPool(t)
		store := goesstore.NewEventStore(pool, encoding)
		must(t, store.Create(context.Background()))
		execute(t, pool, guards[at].statement)
		return store
	})
}

var failedCase = regexp.MustCompile(`(?m)^ *--- FAIL: TestUnderGuard/guarded/(.*) \(.*\)$`)

// Under a guard exactly those of goes' cases fail that do what it forbids, all with its error.
func TestGuardsRefuse(t *testing.T) {
	for _, guard := range guards {
		t.Run(guard.name, func(t *testing.T) {
			t.Parallel()
			output, _ := apart("TestUnderGuard", "GUARD="+guard.name)
			failed, parents := []string{}, map[string]bool{}
			for _, match := range failedCase.FindAllStringSubmatch(output, -1) {
				failed = append(failed, match[1])
				for name := match[1]; strings.Contains(name, "/"); {
					name = name[:strings.LastIndex(name, "/")]
					parents[name] = true
				}
			}
			failed = slices.DeleteFunc(failed, func(name string) bool { return parents[name] })
			slices.Sort(failed)
			if !slices.Equal(failed, guard.cases) {
				t.Fatalf("failed:\n%s\nand should:\n%s\n%s", strings.Join(failed, "\n"), strings.Join(guard.cases, "\n"), output)
			}
			if refused := strings.Count(output, "(SQLSTATE "+guard.state+")"); refused < len(failed) {
				t.Fatalf("%d of %d failed with %s:\n%s", refused, len(failed), guard.state, output)
			}
		})
	}
}
