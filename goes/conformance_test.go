package sharing

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modernice/goes/backend/postgres"
	"github.com/modernice/goes/backend/testing/eventstoretest"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/helper/streams"
)

// comparedStore is a store of goes that fails when goes_query finds something else, or in another
// order, than goes itself.
type comparedStore struct {
	*postgres.EventStore
	functions *functionStore
}

// Query finds events in both ways.
func (s *comparedStore) Query(ctx context.Context, q event.Query) (<-chan event.Event, <-chan error, error) {
	events, failures, err := s.EventStore.Query(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	wanted, err := streams.Drain(ctx, events, failures)
	if err != nil {
		return nil, nil, err
	}
	found, err := s.functions.find(ctx, q)
	if err != nil {
		return nil, nil, fmt.Errorf("goes_query: %w", err)
	}
	if len(q.Sortings()) == 0 {
		slices.SortFunc(wanted, byEventID)
		slices.SortFunc(found, byEventID)
	}
	if !slices.EqualFunc(found, wanted, func(a, b event.Event) bool { return event.Equal(a, b) }) {
		return nil, nil, fmt.Errorf("goes_query found %v, and goes %v", found, wanted)
	}
	events, failures = streamOf(wanted)
	return events, failures, nil
}

func byEventID(a, b event.Event) int {
	return strings.Compare(a.ID().String(), b.ID().String())
}

// freshStores returns a function that connects goes to a new table of goes_create_store's each time.
func freshStores(t *testing.T, prefix string) func(codec.Encoding) *postgres.EventStore {
	t.Helper()
	template, count := prefix+"_template", 0
	createSQLStore(t, template, "events")
	return func(encoding codec.Encoding) *postgres.EventStore {
		count++
		database := fmt.Sprintf("%s_%d", prefix, count)
		psql(t, "postgres", "CREATE DATABASE "+database+" TEMPLATE "+template)
		return connectGoes(t, encoding, postgres.Database(database))
	}
}

// goes' own tests of a store, on our table. Every query of them is asked of goes_query, too.
func TestGoesOwnTestsOnOurTable(t *testing.T) {
	fresh := freshStores(t, "conformance_goes")
	eventstoretest.Run(t, "goes", func(encoding codec.Encoding) event.Store {
		goes := fresh(encoding)
		return &comparedStore{goes, &functionStore{goes, encoding}}
	})
}

// The same tests of a store that has nothing of goes but its interface.
func TestGoesOwnTestsOfTheFunctions(t *testing.T) {
	fresh := freshStores(t, "conformance_sql")
	eventstoretest.Run(t, "functions", func(encoding codec.Encoding) event.Store {
		return &functionStore{fresh(encoding), encoding}
	})
}
