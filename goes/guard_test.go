package sharing

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
)

// conflict is the DETAIL of VE001.
type conflict struct {
	AggregateName  string    `json:"aggregate_name"`
	AggregateID    uuid.UUID `json:"aggregate_id"`
	CurrentVersion int       `json:"current_version"`
	EventVersion   int       `json:"event_version"`
	EventIndex     int       `json:"event_index"`
}

// requireConflict fails the test unless goes passes on VE001 with that DETAIL, and nothing else in it.
func requireConflict(t *testing.T, err error, want conflict) {
	t.Helper()
	detail := requireState(t, err, "VE001")
	var keys map[string]any
	var got conflict
	if json.Unmarshal([]byte(detail), &keys) != nil || json.Unmarshal([]byte(detail), &got) != nil {
		t.Fatalf("DETAIL is no such JSON object: %q", detail)
	}
	if len(keys) != 5 || got != want {
		t.Errorf("DETAIL is %s instead of %+v", detail, want)
	}
}

// guarded returns both sides at a store that has a guard.
func guarded(t *testing.T, database, guard string) (*goesStore, *libgoesStore) {
	t.Helper()
	goes, libgoes := openGoes(t, database), openLibgoes(t, database)
	goes.execute(t, "SELECT goes_alter_store("+guard+")")
	return goes, libgoes
}

func TestSequentialRefusesGoesInsert(t *testing.T) {
	goes, libgoes := guarded(t, "sharing_sequential", "validate_versions => 'sequential'")
	id, other := uuid.New(), uuid.New()
	free := samples()[0]
	stored := []record{order(id, 1), order(id, 2), order(id, 3), free}
	goes.mustInsert(t, stored[0], stored[1])
	libgoes.mustInsert(t, stored[2])
	goes.mustInsert(t, free)

	t.Run("a_gap", func(t *testing.T) {
		requireConflict(t, goes.insert(order(id, 5)), conflict{"order", id, 3, 5, 1})
	})
	// goes sends one INSERT an event, so the second event is the first of its statement.
	t.Run("a_gap_within_a_batch", func(t *testing.T) {
		requireConflict(t, goes.insert(order(id, 4), order(id, 6)), conflict{"order", id, 4, 6, 1})
	})
	t.Run("a_first_version_above_1", func(t *testing.T) {
		requireConflict(t, goes.insert(order(other, 2)), conflict{"order", other, 0, 2, 1})
	})
	t.Run("a_taken_version", func(t *testing.T) {
		requireState(t, goes.insert(order(id, 3)), "23505")
	})
	t.Run("nothing_of_it_is_stored", func(t *testing.T) {
		requireSame(t, "goes", goes.query(t), stored)
	})
	t.Run("switched_off", func(t *testing.T) {
		goes.execute(t, "SELECT goes_alter_store(validate_versions => 'off')")
		goes.mustInsert(t, order(id, 9))
	})
}

func TestAppendOnlyRefusesGoesDelete(t *testing.T) {
	goes, _ := guarded(t, "sharing_append_only", "append_only => true")
	r := order(uuid.New(), 1)
	goes.mustInsert(t, r)
	requireState(t, goes.Delete(t.Context(), toGoes(r)), "VE002")
	requireSame(t, "goes", goes.query(t), []record{r})
	goes.execute(t, "SELECT goes_alter_store(append_only => false)")
	if err := goes.Delete(t.Context(), toGoes(r)); err != nil {
		t.Fatalf("switched off: %v", err)
	}
	requireSame(t, "goes", goes.query(t), nil)
}
