package sharing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/modernice/goes/backend/postgres"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/query"
)

// rawJSON is a codec.Encoding that takes every event's data for what it is: JSON text.
type rawJSON struct{}

func (rawJSON) Marshal(data any) ([]byte, error) {
	return json.Marshal(data)
}

func (rawJSON) Unmarshal(data []byte, _ string) (any, error) {
	if !json.Valid(data) {
		return nil, fmt.Errorf("not JSON: %q", data)
	}
	return json.RawMessage(append([]byte(nil), data...)), nil
}

// goesStore is a store of goes.
type goesStore struct {
	*postgres.EventStore
}

// serverURL returns where pg_virtualenv's server is. It has no path: goes puts the database there.
func serverURL() string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(os.Getenv("PGUSER"), os.Getenv("PGPASSWORD")),
		Host:     os.Getenv("PGHOST") + ":" + os.Getenv("PGPORT"),
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// isOld tells whether this is goes 0.5.0 or older, whose faults a newer one must not have.
func isOld(t *testing.T) bool {
	t.Helper()
	var major, minor int
	if _, err := fmt.Sscanf(os.Getenv("GOES_VERSION"), "v%d.%d", &major, &minor); err != nil {
		t.Fatal("GOES_VERSION does not name the version of goes: run make goes")
	}
	return major == 0 && minor <= 5
}

// connectGoes connects goes, creating what is missing. goes' Query and Delete do not connect by
// themselves.
func connectGoes(t *testing.T, encoding codec.Encoding, options ...postgres.EventStoreOption) *postgres.EventStore {
	t.Helper()
	store := newGoes(t, encoding, options...)
	if err := store.Connect(t.Context()); err != nil {
		t.Fatalf("goes cannot connect: %v", err)
	}
	return store
}

// newGoes makes a store of goes whose connections are closed when the test ends.
func newGoes(t *testing.T, encoding codec.Encoding, options ...postgres.EventStoreOption) *postgres.EventStore {
	t.Helper()
	options = append([]postgres.EventStoreOption{postgres.URL(serverURL())}, options...)
	store := postgres.NewEventStore(encoding, options...)
	t.Cleanup(func() {
		if pool := store.Pool(); pool != nil {
			pool.Close()
		}
	})
	return store
}

// openGoes connects goes to a database.
func openGoes(t *testing.T, database string, options ...postgres.EventStoreOption) *goesStore {
	t.Helper()
	return &goesStore{connectGoes(t, rawJSON{}, append(options, postgres.Database(database))...)}
}

// toGoes makes an event of goes.
func toGoes(r record) event.Event {
	options := []event.Option{event.ID(r.id), event.Time(time.Unix(0, r.time))}
	if r.aggregateName != "" || r.aggregateID != uuid.Nil {
		options = append(options, event.Aggregate(r.aggregateID, r.aggregateName, r.aggregateVersion))
	}
	return event.New[any](r.name, json.RawMessage(r.data), options...)
}

// fromGoes takes an event of goes apart.
func fromGoes(e event.Event) record {
	id, name, version := e.Aggregate()
	return record{e.ID(), e.Name(), e.Time().UnixNano(), id, name, version,
		string(e.Data().(json.RawMessage))}
}

// insert returns goes' own error.
func (s *goesStore) insert(records ...record) error {
	events := make([]event.Event, len(records))
	for i, r := range records {
		events[i] = toGoes(r)
	}
	return s.Insert(context.Background(), events...)
}

// mustInsert fails the test if goes does.
func (s *goesStore) mustInsert(t *testing.T, records ...record) {
	t.Helper()
	if err := s.insert(records...); err != nil {
		t.Fatalf("goes cannot insert: %v", err)
	}
}

// query returns what goes finds.
func (s *goesStore) query(t *testing.T, options ...query.Option) []record {
	t.Helper()
	events, failures, err := s.Query(t.Context(), query.New(options...))
	if err != nil {
		t.Fatalf("goes cannot query: %v", err)
	}
	var records []record
	for events != nil || failures != nil {
		select {
		case e, open := <-events:
			if open {
				records = append(records, fromGoes(e))
			} else {
				events = nil
			}
		case err, open := <-failures:
			if open {
				t.Fatalf("goes cannot read: %v", err)
			}
			failures = nil
		}
	}
	return records
}

// sql runs a statement on goes' own connections, and returns its only value as text.
func (s *goesStore) sql(t *testing.T, statement string) string {
	t.Helper()
	var value *string
	if err := s.Pool().QueryRow(t.Context(), statement).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if value == nil {
		return ""
	}
	return *value
}

// execute runs a statement that returns nothing.
func (s *goesStore) execute(t *testing.T, statement string) {
	t.Helper()
	if _, err := s.Pool().Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// serverError is what a caller of goes finds in its errors with errors.As: a *pgconn.PgError of the
// version of pgx that goes is built with.
func serverError(t *testing.T, err error) (state, detail string) {
	t.Helper()
	var server interface {
		error
		SQLState() string
	}
	if !errors.As(err, &server) {
		t.Fatalf("goes does not pass the server's error on: %v", err)
	}
	value := reflect.Indirect(reflect.ValueOf(server))
	if value.Type().Name() != "PgError" || !strings.HasSuffix(value.Type().PkgPath(), "pgconn") {
		t.Fatalf("not a pgconn.PgError but %s", value.Type())
	}
	return server.SQLState(), value.FieldByName("Detail").String()
}

// requireState fails the test unless goes passes on an error with that SQLSTATE.
func requireState(t *testing.T, err error, want string) (detail string) {
	t.Helper()
	if err == nil {
		t.Fatalf("goes reports success instead of %s", want)
	}
	state, detail := serverError(t, err)
	if state != want {
		t.Fatalf("SQLSTATE %s instead of %s: %v", state, want, err)
	}
	return detail
}
