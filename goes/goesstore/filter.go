package goesstore

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/modernice/goes/aggregate"
	"github.com/modernice/goes/event"
	qtime "github.com/modernice/goes/event/query/time"
	"github.com/modernice/goes/event/query/version"
)

// call is a call of a function whose arguments have names.
type call struct {
	arguments []string
	values    []any
}

// add adds an argument. What pgx cannot send without a prepared statement (ids in an array, ranges) goes as
// text, which the server casts.
func (c *call) add(name, cast string, value any) {
	c.values = append(c.values, value)
	c.arguments = append(c.arguments, fmt.Sprintf("%s => $%d::%s", name, len(c.values), cast))
}

// of returns the call's SQL.
func (c *call) of(function string) string {
	return function + "(" + strings.Join(c.arguments, ", ") + ")"
}

func (c *call) addEventFilters(q event.Query) {
	c.add("names", "text[]", q.Names())
	c.add("ids", "text[]::uuid[]", idTexts(q.IDs()))
	c.add("aggregate_names", "text[]", q.AggregateNames())
	c.add("aggregate_ids", "text[]::uuid[]", idTexts(q.AggregateIDs()))
	c.add("aggregates", "text[]::goes_aggregate_ref[]", texts(q.Aggregates(), reference))
	c.addTimes(q.Times())
	c.addVersions(q.AggregateVersions())
}

func (c *call) addTimes(times qtime.Constraints) {
	if times == nil {
		return
	}
	exact := make([]int64, len(times.Exact()))
	for i, t := range times.Exact() {
		exact[i] = t.UnixNano()
	}
	c.add("times", "bigint[]", exact)
	if !times.Min().IsZero() {
		c.add("time_min", "bigint", times.Min().UnixNano())
	}
	if !times.Max().IsZero() {
		c.add("time_max", "bigint", times.Max().UnixNano())
	}
	c.add("time_ranges", "text[]::int8range[]", texts(times.Ranges(), func(r qtime.Range) string {
		return "[" + nanoseconds(r.Start()) + "," + nanoseconds(r.End()) + "]"
	}))
}

// addVersions adds bounds of the version: of several, goes wants at least one to be met.
func (c *call) addVersions(versions version.Constraints) {
	if versions == nil {
		return
	}
	c.add("aggregate_versions", "integer[]", versions.Exact())
	if bounds := versions.Min(); len(bounds) > 0 {
		c.add("version_min", "integer", slices.Min(bounds))
	}
	if bounds := versions.Max(); len(bounds) > 0 {
		c.add("version_max", "integer", slices.Max(bounds))
	}
	c.add("version_ranges", "text[]::int4range[]", texts(versions.Ranges(), func(r version.Range) string {
		return fmt.Sprintf("[%d,%d]", r.Start(), r.End())
	}))
}

// texts writes every value as a text.
func texts[T any](values []T, text func(T) string) []string {
	all := make([]string, len(values))
	for i, value := range values {
		all[i] = text(value)
	}
	return all
}

func idTexts(ids []uuid.UUID) []string {
	return texts(ids, uuid.UUID.String)
}

func nanoseconds(t time.Time) string {
	return strconv.FormatInt(t.UnixNano(), 10)
}

// reference writes an aggregate as a goes_aggregate_ref.
func reference(ref event.AggregateRef) string {
	id := ref.ID.String()
	if ref.ID == uuid.Nil {
		id = ""
	}
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return fmt.Sprintf(`("%s",%s)`, quote.Replace(ref.Name), id)
}

// eventSortKey writes what goes sorts events by as goes_query wants it.
func eventSortKey(o event.SortOptions) string {
	keys := map[event.Sorting]string{event.SortTime: "time", event.SortAggregateName: "aggregate_name",
		event.SortAggregateID: "aggregate_id", event.SortAggregateVersion: "aggregate_version"}
	return sortKey(keys[o.Sort], o.Dir == event.SortDesc)
}

// aggregateSortKey is the same for what has an aggregate.
func aggregateSortKey(o aggregate.SortOptions) string {
	keys := map[aggregate.Sorting]string{aggregate.SortName: "aggregate_name",
		aggregate.SortID: "aggregate_id", aggregate.SortVersion: "aggregate_version"}
	return sortKey(keys[o.Sort], o.Dir == aggregate.SortDesc)
}

func sortKey(key string, isDescending bool) string {
	if isDescending {
		return key + " desc"
	}
	return key
}
