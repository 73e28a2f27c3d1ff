package goesstore

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

// ConflictError says that an aggregate is not where the writer thought: somebody else has stored the
// version (SQLSTATE 23505), or a guard refuses it (VE001). aggregate.IsConsistencyError takes it for
// one, and with errors.As it is a *pgconn.PgError, too.
type ConflictError struct {
	// Of VE001 only, by whose DETAIL the server says it.
	AggregateName  string    `json:"aggregate_name"`
	AggregateID    uuid.UUID `json:"aggregate_id"`
	CurrentVersion int       `json:"current_version"`
	EventVersion   int       `json:"event_version"`
	EventIndex     int       `json:"event_index"` // the event's place in the batch, from 1

	server *pgconn.PgError
}

// Error returns the server's message.
func (e *ConflictError) Error() string { return e.server.Error() }

// Unwrap returns the server's error.
func (e *ConflictError) Unwrap() error { return e.server }

// IsConsistencyError has goes retry: see aggregate.IsConsistencyError.
func (e *ConflictError) IsConsistencyError() bool { return true }

// refined makes a ConflictError of an error that is one.
func refined(err error) error {
	var server *pgconn.PgError
	if !errors.As(err, &server) {
		return err
	}
	conflict := &ConflictError{server: server}
	switch {
	case server.Code == "VE001":
		// a DETAIL that cannot be read leaves the fields empty, and the conflict is one all the same
		_ = json.Unmarshal([]byte(server.Detail), conflict)
		return conflict
	case server.Code == "23505" && isOfAggregate(server):
		return conflict
	}
	return err
}

// isOfAggregate tells whether the index that refuses an event is that of aggregates' versions. DETAIL
// begins with "Key (column, ...)=(" in any language; a role that may not read the table gets none.
func isOfAggregate(server *pgconn.PgError) bool {
	_, columns, _ := strings.Cut(server.Detail, "(")
	columns, _, isKey := strings.Cut(columns, ")=(")
	if !isKey {
		return strings.Contains(server.ConstraintName, "goes_aggregate")
	}
	for _, column := range []string{"aggregate_id", "aggregate_name", "aggregate_version"} {
		if !strings.Contains(columns, column) {
			return false
		}
	}
	return true
}
