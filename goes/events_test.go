package sharing

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sort"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// record is an event as both sides see it.
type record struct {
	id               uuid.UUID
	name             string
	time             int64
	aggregateID      uuid.UUID
	aggregateName    string
	aggregateVersion int
	data             string
}

func (r record) String() string {
	return fmt.Sprintf("%s %q at %d, %s %q %d, %s", r.id, r.name, r.time, r.aggregateID,
		r.aggregateName, r.aggregateVersion, r.data)
}

// someTime has nanoseconds that no microsecond holds.
const someTime = int64(1_750_000_000_123_456_789)

// order returns an event of an order.
func order(id uuid.UUID, version int) record {
	return record{uuid.New(), "order.placed", someTime + int64(version), id, "order", version,
		fmt.Sprintf(`{"version": %d}`, version)}
}

// samples returns one event of every kind that both sides write, with fresh ids.
func samples() []record {
	id := uuid.New
	shop := id()
	const greek, emoji = "παραγγελία.δημιουργήθηκε", "🛒.\u0301e"
	return []record{
		{id(), "no.aggregate", someTime, uuid.Nil, "", 0, `{"a": 1}`},
		{id(), "json.null", someTime + 1, id(), "order", 1, `null`},
		{id(), "no.aggregate.null", someTime + 2, uuid.Nil, "", 0, `null`},
		{id(), "before.1970", -1, id(), "order", 1, `{}`},
		{id(), "first.time", math.MinInt64, id(), "order", 1, `[]`},
		{id(), "last.time", math.MaxInt64, id(), "order", 1, `""`},
		{id(), "epoch", 0, id(), "order", 1, `false`},
		{id(), greek, someTime + 3, shop, "магазин", 1, `{"имя": "значение"}`},
		{id(), emoji, someTime + 4, shop, "магазин", 2, `["🛒", "e\u0301", "\ud83d\uded2", "\u0001"]`},
		{id(), "quotes'\"\\;--", someTime + 5, id(), "order\"\\", 1, `"'\"\\/; DROP TABLE events"`},
		{id(), strings.Repeat("é", 255), someTime + 6, id(), strings.Repeat("名", 255), 1, `1`},
		{id(), "version.large", someTime + 8, id(), "order", math.MaxInt32, `0`},
		{id(), "version.negative", someTime + 9, id(), "order", -1, `-1`},
		{id(), "numbers", someTime + 10, id(), "order", 1,
			`[0, -0.5, 1.50, 1e3, 12345678901234567890, 0.1234567890123456789, 1e-20]`},
		{id(), "nested", someTime + 11, id(), "order", 1,
			`{"z": {"y": [{"x": [[], {}, [null, [true]]]}]}, "a": {"": "empty key"}}`},
		{id(), "long", someTime + 12, id(), "order", 1, `"` + strings.Repeat("0123456789ü", 20_000) + `"`},
	}
}

// quotedAggregate is an event that goes 0.5.0 cannot write: it puts the aggregate's name between
// quotes as it is.
func quotedAggregate() record {
	return record{uuid.New(), "quoted.aggregate", someTime, uuid.New(), "o'rder", 1, `{}`}
}

// versionZero is an event that goes 0.5.0 writes with NULL as its aggregate's version, and then reads as
// one without an aggregate.
func versionZero() record {
	return record{uuid.New(), "version.zero", someTime, uuid.New(), "order", 0, `true`}
}

// goesSamples returns one event of every kind that this goes can write and then read.
func goesSamples(t *testing.T) []record {
	t.Helper()
	if isOld(t) {
		return samples()
	}
	return append(samples(), quotedAggregate(), versionZero())
}

// byID sorts records.
func byID(records []record) []record {
	sorted := append([]record(nil), records...)
	sort.Slice(sorted, func(i, j int) bool {
		return bytes.Compare(sorted[i].id[:], sorted[j].id[:]) < 0
	})
	return sorted
}

// requireSame compares all fields of two sets of events.
func requireSame(t *testing.T, what string, got, want []record) {
	t.Helper()
	requireSameOrder(t, what, byID(got), byID(want))
}

// requireSameOrder compares all fields of two lists of events.
func requireSameOrder(t *testing.T, what string, got, want []record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d events instead of %d", what, len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		same := sameJSON(t, g.data, w.data)
		g.data, w.data = "", ""
		if !same || g != w {
			t.Errorf("%s:\n got  %.300v\n want %.300v", what, got[i], want[i])
		}
	}
}

// sameJSON tells whether two texts are the same JSON: jsonb writes 1e3 as 1000.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	return reflect.DeepEqual(parseJSON(t, a), parseJSON(t, b))
}

func parseJSON(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("not JSON: %v: %.100q", err, text)
	}
	return exact(value)
}

// exact replaces numbers by fractions, which float64 would round.
func exact(value any) any {
	switch value := value.(type) {
	case json.Number:
		number, _ := new(big.Rat).SetString(value.String())
		return "number " + number.RatString()
	case string:
		return "text " + value
	case []any:
		for i := range value {
			value[i] = exact(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = exact(value[key])
		}
	}
	return value
}
