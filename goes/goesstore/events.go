package goesstore

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
)

// sentEvent is an event as goes_insert_json reads it.
type sentEvent struct {
	ID               uuid.UUID       `json:"id"`
	Name             string          `json:"name"`
	Time             string          `json:"time"` // numbers lose digits in JSON
	AggregateID      uuid.UUID       `json:"aggregate_id"`
	AggregateName    string          `json:"aggregate_name"`
	AggregateVersion int             `json:"aggregate_version"`
	Data             json.RawMessage `json:"data"`
}

// encodeEvents makes a JSON array of events.
func encodeEvents(encoding codec.Encoding, events []event.Event) (string, error) {
	batch := make([]sentEvent, len(events))
	for i, e := range events {
		data, err := encoding.Marshal(e.Data())
		if err != nil {
			return "", fmt.Errorf("goesstore: encode the data of a %q event: %w", e.Name(), err)
		}
		if len(data) > 0 && !json.Valid(data) {
			return "", fmt.Errorf("goesstore: the encoding of %q events makes no JSON, which the table "+
				"stores: register it with goes' default encoding", e.Name())
		}
		id, name, version := e.Aggregate()
		if !utf8.ValidString(e.Name()) || !utf8.ValidString(name) {
			return "", fmt.Errorf("goesstore: the name of an event or its aggregate is no UTF-8: %q %q", e.Name(), name)
		}
		batch[i] = sentEvent{e.ID(), e.Name(), strconv.FormatInt(e.Time().UnixNano(), 10), id, name, version, data}
	}
	text, err := json.Marshal(batch)
	return string(text), err
}

// idOf returns an event's id as a text.
func idOf(e event.Event) string {
	return e.ID().String()
}

// eventColumns are the columns of a storedEvent.
const eventColumns = `id, name, "time", aggregate_id, aggregate_name, aggregate_version, data`

// storedEvent is a row of the table.
type storedEvent struct {
	id               uuid.UUID
	name             string
	time             int64
	aggregateID      *uuid.UUID
	aggregateName    *string
	aggregateVersion *int
	data             []byte
}

// targets are where a row is scanned to.
func (e *storedEvent) targets() []any {
	return []any{&e.id, &e.name, &e.time, &e.aggregateID, &e.aggregateName, &e.aggregateVersion, &e.data}
}

// decode makes an event of goes; as for goes, it has an aggregate if nothing of that is null.
func (e *storedEvent) decode(encoding codec.Encoding) (event.Event, error) {
	data, err := encoding.Unmarshal(e.data, e.name)
	if err != nil {
		return nil, fmt.Errorf("decode the data of %q event %s: %w", e.name, e.id, err)
	}
	decoded := event.Data[any]{ID: e.id, Name: e.name, Time: time.Unix(0, e.time), Data: data}
	if e.aggregateID != nil && e.aggregateName != nil && e.aggregateVersion != nil {
		decoded.AggregateID = *e.aggregateID
		decoded.AggregateName = *e.aggregateName
		decoded.AggregateVersion = *e.aggregateVersion
	}
	return event.Evt[any]{D: decoded}, nil
}
