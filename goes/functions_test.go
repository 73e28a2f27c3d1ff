package sharing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/modernice/goes/backend/postgres"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	qtime "github.com/modernice/goes/event/query/time"
	"github.com/modernice/goes/event/query/version"
)

// functionStore is an event.Store of goes' that is made of goes_store's SQL functions. It borrows
// the connections of a store of goes.
type functionStore struct {
	goes     *postgres.EventStore
	encoding codec.Encoding
}

// Insert stores events by goes_insert_batch.
func (s *functionStore) Insert(ctx context.Context, events ...event.Event) error {
	batch := make([]map[string]any, len(events))
	for i, e := range events {
		data, err := s.encoding.Marshal(e.Data())
		if err != nil {
			return err
		}
		id, name, version := e.Aggregate()
		batch[i] = map[string]any{"id": e.ID(), "name": e.Name(), "time": fmt.Sprint(e.Time().UnixNano()),
			"aggregate_id": id, "aggregate_name": name, "aggregate_version": version,
			"data": json.RawMessage(data)}
	}
	text, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	_, err = s.goes.Pool().Exec(ctx, "SELECT goes_insert_batch(goes_events_from_json($1::text::jsonb))", string(text))
	return err
}

// Find looks an event up by goes_find.
func (s *functionStore) Find(ctx context.Context, id uuid.UUID) (event.Event, error) {
	found, err := s.read(ctx, "goes_find($1::text::uuid)", id.String())
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, errors.New("there is no such event")
	}
	return found[0], nil
}

// Delete removes events by goes_delete.
func (s *functionStore) Delete(ctx context.Context, events ...event.Event) error {
	var ids []string
	for _, e := range events {
		ids = append(ids, e.ID().String())
	}
	_, err := s.goes.Pool().Exec(ctx, "SELECT goes_delete($1::text[]::uuid[])", ids)
	return err
}

// Query finds events by goes_query.
func (s *functionStore) Query(ctx context.Context, q event.Query) (<-chan event.Event, <-chan error, error) {
	found, err := s.find(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	events, failures := streamOf(found)
	return events, failures, nil
}

// find returns what goes_query finds.
func (s *functionStore) find(ctx context.Context, q event.Query) ([]event.Event, error) {
	var c queryCall
	c.add("names", "text[]", q.Names())
	c.add("ids", "text[]::uuid[]", texts(q.IDs(), uuid.UUID.String))
	c.add("aggregate_names", "text[]", q.AggregateNames())
	c.add("aggregate_ids", "text[]::uuid[]", texts(q.AggregateIDs(), uuid.UUID.String))
	c.add("aggregates", "text[]::goes_aggregate_ref[]", texts(q.Aggregates(), reference))
	c.add("sort", "text[]", texts(q.Sortings(), sortKey))
	if t := q.Times(); t != nil {
		c.addTimes(t)
	}
	if v := q.AggregateVersions(); v != nil {
		c.addVersions(v)
	}
	return s.read(ctx, "goes_query("+strings.Join(c.arguments, ", ")+")", c.values...)
}

// queryCall is a call of goes_query that is being written.
type queryCall struct {
	arguments []string
	values    []any
}

// add gives the call an argument, whose value pgx sends as text and the server casts.
func (c *queryCall) add(name, casts string, value any) {
	c.values = append(c.values, value)
	c.arguments = append(c.arguments, fmt.Sprintf("%s => $%d::%s", name, len(c.values), casts))
}

func (c *queryCall) addTimes(t qtime.Constraints) {
	c.add("times", "text[]::bigint[]", texts(t.Exact(), nanoseconds))
	if !t.Min().IsZero() {
		c.add("time_min", "text::bigint", nanoseconds(t.Min()))
	}
	if !t.Max().IsZero() {
		c.add("time_max", "text::bigint", nanoseconds(t.Max()))
	}
	c.add("time_ranges", "text[]::int8range[]", texts(t.Ranges(), func(r qtime.Range) string {
		return "[" + nanoseconds(r.Start()) + "," + nanoseconds(r.End()) + "]"
	}))
}

// addVersions adds bounds of the version: of several, goes wants at least one to be met.
func (c *queryCall) addVersions(v version.Constraints) {
	c.add("aggregate_versions", "text[]::integer[]", texts(v.Exact(), strconv.Itoa))
	if bounds := v.Min(); len(bounds) > 0 {
		c.add("version_min", "text::integer", strconv.Itoa(slices.Min(bounds)))
	}
	if bounds := v.Max(); len(bounds) > 0 {
		c.add("version_max", "text::integer", strconv.Itoa(slices.Max(bounds)))
	}
	c.add("version_ranges", "text[]::int4range[]", texts(v.Ranges(), func(r version.Range) string {
		return fmt.Sprintf("[%d,%d]", r.Start(), r.End())
	}))
}

// read returns the events of a function.
func (s *functionStore) read(ctx context.Context, call string, arguments ...any) ([]event.Event, error) {
	rows, err := s.goes.Pool().Query(ctx, `SELECT id::text, name, "time", aggregate_id::text, aggregate_name,
		aggregate_version, data::text FROM `+call, arguments...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []event.Event
	for rows.Next() {
		e, err := s.scan(rows.Scan)
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, rows.Err()
}

// scan makes an event of a row; as for goes, it has an aggregate if nothing of that is null.
func (s *functionStore) scan(scan func(...any) error) (event.Event, error) {
	var id, name, data string
	var nanoseconds int64
	var aggregateID, aggregateName *string
	var version *int32
	if err := scan(&id, &name, &nanoseconds, &aggregateID, &aggregateName, &version, &data); err != nil {
		return nil, err
	}
	options := []event.Option{event.ID(uuid.MustParse(id)), event.Time(time.Unix(0, nanoseconds))}
	if aggregateID != nil && aggregateName != nil && version != nil {
		options = append(options, event.Aggregate(uuid.MustParse(*aggregateID), *aggregateName, int(*version)))
	}
	value, err := s.encoding.Unmarshal([]byte(data), name)
	if err != nil {
		return nil, err
	}
	return event.New[any](name, value, options...), nil
}

// texts writes every value as a text.
func texts[T any](values []T, text func(T) string) []string {
	var all []string
	for _, value := range values {
		all = append(all, text(value))
	}
	return all
}

func nanoseconds(t time.Time) string {
	return strconv.FormatInt(t.UnixNano(), 10)
}

// reference writes an aggregate as a goes_aggregate_ref.
func reference(ref event.AggregateRef) string {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	return fmt.Sprintf(`("%s",%s)`, quote.Replace(ref.Name), ref.ID)
}

// sortKey writes what goes sorts by as goes_query wants it.
func sortKey(o event.SortOptions) string {
	keys := map[event.Sorting]string{event.SortTime: "time", event.SortAggregateName: "aggregate_name",
		event.SortAggregateID: "aggregate_id", event.SortAggregateVersion: "aggregate_version"}
	if o.Dir == event.SortDesc {
		return keys[o.Sort] + " desc"
	}
	return keys[o.Sort]
}

// streamOf returns events as a Query of goes' does.
func streamOf(found []event.Event) (<-chan event.Event, <-chan error) {
	events, failures := make(chan event.Event, len(found)), make(chan error)
	for _, e := range found {
		events <- e
	}
	close(events)
	close(failures)
	return events, failures
}
