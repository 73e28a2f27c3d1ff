package goesstore

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/modernice/goes/event"
)

// Cursor says up to which event a reader of a feed has come. Store it with what the events have done,
// and go on with EventBus.From.
type Cursor struct {
	Position int64     `json:"position"`
	ID       uuid.UUID `json:"id"` // of the newest event up to there, by which a feed that began anew is noticed
}

// Beginning is the cursor of a reader that has got no event.
var Beginning Cursor

// Advance moves the cursor on to an event that an EventBus has delivered. An event that is behind the
// cursor moves nothing, so events may be done in another order as long as all of them are done before
// the cursor is stored: schedules of goes sort those of a job by time.
func (c *Cursor) Advance(e event.Event) {
	if delivered, isDelivered := e.(deliveredEvent); isDelivered && delivered.position > c.Position {
		*c = Cursor{delivered.position, e.ID()}
	}
}

// String returns the cursor as a text for people.
func (c Cursor) String() string {
	return fmt.Sprintf("%d (%s)", c.Position, c.ID)
}

// deliveredEvent is an event with its place in the feed.
type deliveredEvent struct {
	event.Event
	position int64
}
