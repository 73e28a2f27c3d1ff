package sharing

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/query"
	qtime "github.com/modernice/goes/event/query/time"
	"github.com/modernice/goes/event/query/version"
)

// withID is goes' filter for one event.
func withID(id uuid.UUID) query.Option {
	return query.ID(id)
}

// orderHistory are goes' options for the history of one order.
func orderHistory(id uuid.UUID) []query.Option {
	return []query.Option{query.Aggregate("order", id), query.SortBy(event.SortAggregateVersion, event.SortAsc)}
}

// short makes a name that fits into a line.
func short(name string) string {
	if letters := []rune(name); len(letters) > 30 {
		return string(letters[:30])
	}
	return name
}

// at is a time of a sample.
func at(offset int64) time.Time {
	return time.Unix(0, someTime+offset)
}

// stamp is the same for libgoes.
func stamp(offset int64) string {
	return fmt.Sprint(someTime + offset)
}

// question is one query, for either side.
type question struct {
	name    string
	goes    []query.Option
	libgoes []string
	ordered bool // the sorting leaves no ties
	none    bool // nothing is found
}

// questions asks about the events of storedForQueries.
func questions(t *testing.T, stored []record) []question {
	a, b := stored[0].aggregateID, stored[5].aggregateID
	// goes 0.5.0 leaves the order of ties to chance.
	ties := question{name: "ties", ordered: !isOld(t), goes: []query.Option{query.AggregateName("order"),
		query.SortBy(event.SortAggregateName, event.SortDesc)},
		libgoes: []string{"aggregate_name=order", "sort=-aggregate_name"}}
	return []question{
		ties,
		{name: "everything"},
		{name: "name", goes: []query.Option{query.Name("order.placed")}, libgoes: []string{"name=order.placed"}},
		{name: "two_names", goes: []query.Option{query.Name("order.paid"), query.Name("numbers")},
			libgoes: []string{"name=order.paid", "name=numbers"}},
		{name: "no_such_name", goes: []query.Option{query.Name("nothing")}, libgoes: []string{"name=nothing"}, none: true},
		{name: "ids", goes: []query.Option{query.ID(stored[1].id), query.ID(stored[7].id)},
			libgoes: []string{"id=" + stored[1].id.String(), "id=" + stored[7].id.String()}},
		{name: "aggregate_name", goes: []query.Option{query.AggregateName("магазин")},
			libgoes: []string{"aggregate_name=магазин"}},
		{name: "aggregate_ids", goes: []query.Option{query.AggregateID(a, b)},
			libgoes: []string{"aggregate_id=" + a.String(), "aggregate_id=" + b.String()}},
		{name: "aggregate", goes: []query.Option{query.Aggregate("order", a)},
			libgoes: []string{"aggregate=" + a.String() + ",order"}},
		{name: "any_aggregate_of_a_name", goes: []query.Option{query.Aggregate("магазин", uuid.Nil)},
			libgoes: []string{"aggregate=" + uuid.Nil.String() + ",магазин"}},
		{name: "hot_query", ordered: true,
			goes: []query.Option{query.AggregateName("order"), query.AggregateID(a),
				query.AggregateVersion(version.Min(3)), query.SortBy(event.SortAggregateVersion, event.SortAsc)},
			libgoes: []string{"aggregate_name=order", "aggregate_id=" + a.String(), "version_min=3",
				"sort=aggregate_version"}},
		{name: "versions", goes: []query.Option{query.AggregateVersion(version.Exact(0, 2))},
			libgoes: []string{"version=0", "version=2"}},
		{name: "version_range_and_maximum",
			goes:    []query.Option{query.AggregateVersion(version.InRange(version.Range{2, 9}), version.Max(4))},
			libgoes: []string{"version_range=2,9", "version_max=4"}},
		{name: "exact_time", goes: []query.Option{query.Time(qtime.Exact(at(3)))}, libgoes: []string{"time=" + stamp(3)}},
		{name: "from_to", goes: []query.Option{query.Time(qtime.Min(at(2)), qtime.Max(at(4)))},
			libgoes: []string{"time_min=" + stamp(2), "time_max=" + stamp(4)}},
		{name: "after_before", goes: []query.Option{query.Time(qtime.After(at(2)), qtime.Before(at(4)))},
			libgoes: []string{"time_after=" + stamp(2), "time_before=" + stamp(4)}},
		{name: "time_range", goes: []query.Option{query.Time(qtime.InRange(qtime.Range{at(1), at(3)}))},
			libgoes: []string{"time_range=" + stamp(1) + "," + stamp(3)}},
		{name: "all_at_once",
			goes: []query.Option{query.Name("order.placed"), query.Aggregate("order", b),
				query.Time(qtime.After(at(1))), query.AggregateVersion(version.Min(2))},
			libgoes: []string{"name=order.placed", "aggregate=" + b.String() + ",order",
				"time_after=" + stamp(1), "version_min=2"}},
		{name: "sorted_by_several", ordered: true,
			goes: []query.Option{query.AggregateName("order"), query.AggregateID(a, b), query.SortByMulti(
				event.SortOptions{Sort: event.SortAggregateID, Dir: event.SortAsc},
				event.SortOptions{Sort: event.SortAggregateVersion, Dir: event.SortDesc})},
			libgoes: []string{"aggregate_name=order", "aggregate_id=" + a.String(),
				"aggregate_id=" + b.String(), "sort=aggregate_id", "sort=-aggregate_version"}},
	}
}

// storedForQueries are two orders of five events each, an event of another name, and the samples.
func storedForQueries() []record {
	var stored []record
	for range 2 {
		id := uuid.New()
		for v := 1; v <= 5; v++ {
			stored = append(stored, order(id, v))
		}
	}
	stored[4].name = "order.paid"
	return append(stored, samples()...)
}

func TestQueriesFindTheSame(t *testing.T) {
	goes, libgoes := openGoes(t, "sharing_queries"), openLibgoes(t, "sharing_queries")
	stored := storedForQueries()
	for i, r := range stored {
		if i%2 == 0 {
			goes.mustInsert(t, r)
		} else {
			libgoes.mustInsert(t, r)
		}
	}
	for _, q := range questions(t, stored) {
		t.Run(q.name, func(t *testing.T) {
			found := goes.query(t, q.goes...)
			if (len(found) == 0) != q.none {
				t.Fatalf("goes found %d events", len(found))
			}
			compare := requireSame
			if q.ordered {
				compare = requireSameOrder
			}
			compare(t, "libgoes against goes", libgoes.query(t, q.libgoes...), found)
		})
	}
}
