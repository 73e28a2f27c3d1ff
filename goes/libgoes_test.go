package sharing

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Statuses of goes.h.
const (
	statusConflict  = -7
	statusDuplicate = -8
)

// libgoesStore is a store of libgoes, in a process of its own: libgoes_side.c.
type libgoesStore struct {
	command *exec.Cmd
	input   io.WriteCloser
	output  *bufio.Reader
}

// libgoesError is a failed call of libgoes.
type libgoesError struct {
	status         int
	state          string
	currentVersion int
	message        string
}

func (e *libgoesError) Error() string {
	return fmt.Sprintf("libgoes: status %d, SQLSTATE %q: %s", e.status, e.state, e.message)
}

// openLibgoes connects libgoes to a database, creating what is missing.
func openLibgoes(t *testing.T, database string) *libgoesStore {
	t.Helper()
	program := os.Getenv("LIBGOES_SIDE")
	if program == "" {
		t.Fatal("LIBGOES_SIDE does not name the program of libgoes_side.c: run make goes")
	}
	s := &libgoesStore{command: exec.Command(program, database)}
	s.command.Env = append(os.Environ(), "POSTGRES_EVENTSTORE="+serverURL())
	s.command.Stderr = os.Stderr
	input, err := s.command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.input, s.output = input, bufio.NewReader(output)
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close(t) })
	if _, err := s.call("connect\n"); err != nil {
		t.Fatalf("libgoes cannot connect: %v", err)
	}
	return s
}

// close ends the process, which must not have failed.
func (s *libgoesStore) close(t *testing.T) {
	s.input.Close()
	if err := s.command.Wait(); err != nil {
		t.Errorf("libgoes_side: %v", err)
	}
}

// call sends a request and reads its answer.
func (s *libgoesStore) call(request string) ([]record, error) {
	if _, err := io.WriteString(s.input, request); err != nil {
		return nil, err
	}
	var records []record
	for {
		line, err := s.output.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("libgoes_side has ended: %w", err)
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch {
		case fields[0] == "event" && len(fields) == 8:
			r, err := fromFields(fields[1:])
			if err != nil {
				return nil, err
			}
			records = append(records, r)
		case fields[0] == "ok":
			return records, nil
		case fields[0] == "error" && len(fields) == 5:
			status, err := strconv.Atoi(fields[1])
			if err != nil {
				return nil, err
			}
			version, err := strconv.Atoi(fields[3])
			if err != nil {
				return nil, err
			}
			return nil, &libgoesError{status, fields[2], version, fields[4]}
		default:
			return nil, fmt.Errorf("libgoes_side: %q", line)
		}
	}
}

// fromFields reads an event's fields.
func fromFields(fields []string) (r record, err error) {
	r.name, r.aggregateName, r.data = fields[1], fields[4], fields[6]
	if r.id, err = uuid.Parse(fields[0]); err != nil {
		return r, err
	}
	if r.time, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return r, err
	}
	if r.aggregateID, err = uuid.Parse(fields[3]); err != nil {
		return r, err
	}
	r.aggregateVersion, err = strconv.Atoi(fields[5])
	return r, err
}

// lines writes events as libgoes_side reads them.
func lines(records []record) string {
	var text strings.Builder
	for _, r := range records {
		fmt.Fprintf(&text, "%s\t%s\t%d\t%s\t%s\t%d\t%s\n", r.id, r.name, r.time, r.aggregateID,
			r.aggregateName, r.aggregateVersion, r.data)
	}
	return text.String()
}

// insert stores events in one batch.
func (s *libgoesStore) insert(records ...record) error {
	_, err := s.call(fmt.Sprintf("insert\t%d\n", len(records)) + lines(records))
	return err
}

// GOES_EXPECT_ANY of goes.h.
const expectAny = -2

// append stores events as the next versions of their aggregate, and returns them with their versions.
func (s *libgoesStore) append(expected int, records ...record) ([]record, error) {
	return s.call(fmt.Sprintf("append\t%d\t%d\n", len(records), expected) + lines(records))
}

// mustInsert fails the test if libgoes does.
func (s *libgoesStore) mustInsert(t *testing.T, records ...record) {
	t.Helper()
	if err := s.insert(records...); err != nil {
		t.Fatal(err)
	}
}

// query returns what libgoes finds; the filters are those of libgoes_side.c.
func (s *libgoesStore) query(t *testing.T, filters ...string) []record {
	t.Helper()
	records, err := s.call(strings.Join(append([]string{"query"}, filters...), "\t") + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// delete removes an event.
func (s *libgoesStore) delete(r record) error {
	_, err := s.call("delete\t" + r.id.String() + "\n")
	return err
}
