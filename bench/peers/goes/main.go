// The peer goes: its event store for PostgreSQL, as goes_bench tells it to by the protocol of bench/README.md.
//
// It is filled by COPY, since goes stores nothing else than rows. It cannot end a query early, follows by an
// event bus and not by the store, and takes the version of an aggregate from its events.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/backend/postgres"
	"github.com/modernice/goes/codec"
	"github.com/modernice/goes/event"
	"github.com/modernice/goes/event/query"
)

const (
	aggregateName = "shop.order"
	common        = "order.item_added"
	paid          = "order.paid"
	rare          = "order.disputed"
	firstTime     = 1767225600000000000
	counting      = "SELECT count(*) FROM events"
)

// Item is the data of every event.
type Item struct {
	Sku      string `json:"sku"`
	Quantity int    `json:"quantity"`
	Customer string `json:"customer"`
	Channel  string `json:"channel"`
	Note     string `json:"note"`
}

type turn struct {
	Scenario       string
	Clients, Count int
	Seconds        float64
	Size           int
	hot            uuid.UUID
}

type client struct {
	aggregate  uuid.UUID
	version    int
	events     int
	latencies  []int64
	start, end time.Time
}

type answer struct {
	Operations int     `json:"operations"`
	Events     int     `json:"events"`
	Stored     int     `json:"stored"`
	Seconds    float64 `json:"seconds"`
	Latencies  []int64 `json:"latencies_us"`
}

type peer struct {
	*postgres.EventStore
	operations map[string]func(*turn, *client) int
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func newItem(i int) Item {
	return Item{uuid.NewString(), i % 7, uuid.NewString(), "web", "leave it at the back door, please"}
}

func storedID(number int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", number))
}

func storedAggregate(length, number int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("%08d-0000-4000-8000-%012x", length, number))
}

// storedRow is the n-th event of every store; see goes_bench_fill.c.
func storedRow(size, n int) []any {
	chunk := n / 10
	place, round := chunk%10, chunk/10
	length, number, there := 10, round*6+place-4, size/10*6/10
	if place < 4 {
		length, number = 1000, round*2+chunk%2
		if place >= 2 {
			length = 100
		}
		there = size / 10 * 2 / length
	}
	name := common
	switch {
	case n%(size/100) == 0:
		name = rare
	case n%10 == 5:
		name = paid
	}
	return []any{storedID(n), name, int64(firstTime + n*1000), storedAggregate(length, number%there), aggregateName,
		number/there*10 + n%10 + 1, must(json.Marshal(newItem(n)))}
}

// open makes and fills the store.
func open(address string, size int) *peer {
	ctx := context.Background()
	location := must(url.Parse(address))
	database := strings.TrimPrefix(location.Path, "/")
	location.Path = ""
	location.RawQuery = "sslmode=disable&pool_max_conns=65"
	items := codec.New()
	for _, name := range []string{common, paid, rare} {
		codec.Register[Item](items, name)
	}
	p := &peer{EventStore: postgres.NewEventStore(items, postgres.URL(location.String()), postgres.Database(database))}
	check(p.Connect(ctx))
	columns := []string{"id", "name", "time", "aggregate_id", "aggregate_name", "aggregate_version", "data"}
	must(p.Pool().CopyFrom(ctx, pgx.Identifier{"events"}, columns,
		pgx.CopyFromSlice(size, func(n int) ([]any, error) { return storedRow(size, n), nil })))
	must(p.Pool().Exec(ctx, "VACUUM (ANALYZE) events"))
	p.operations = map[string]func(*turn, *client) int{"append": p.append, "hot": p.hot, "batch": p.batch,
		"load": p.load, "find": p.find, "rare": p.rare, "everything": p.everything}
	return p
}

// insert stores the next events of an aggregate.
func (p *peer) insert(aggregate uuid.UUID, version, count int) error {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = event.New(common, newItem(i), event.Aggregate(aggregate, aggregateName, version+i+1)).Any()
	}
	return p.Insert(context.Background(), events...)
}

// read counts what a query finds.
func (p *peer) read(options ...query.Option) int {
	count := 0
	events, failures, err := p.Query(context.Background(), query.New(options...))
	check(err)
	for events != nil || failures != nil {
		select {
		case _, isOpen := <-events:
			if isOpen {
				count++
			} else {
				events = nil
			}
		case err, isOpen := <-failures:
			check(err)
			if !isOpen {
				failures = nil
			}
		}
	}
	return count
}

func (p *peer) append(_ *turn, c *client) int {
	check(p.insert(c.aggregate, c.version, 1))
	c.version++
	return 1
}

// hot tries again whenever another client was faster, as goes' aggregate repository does.
func (p *peer) hot(t *turn, _ *client) int {
	for {
		version := p.read(query.Aggregate(aggregateName, t.hot))
		err := p.insert(t.hot, version, 1)
		var state interface{ SQLState() string }
		if err == nil {
			return 1
		} else if !errors.As(err, &state) || state.SQLState() != "23505" {
			panic(err)
		}
	}
}

func (p *peer) batch(t *turn, _ *client) int {
	check(p.insert(uuid.New(), 0, t.Count))
	return t.Count
}

func (p *peer) load(t *turn, _ *client) int {
	share := 2
	if t.Count == 10 {
		share = 6
	}
	aggregate := storedAggregate(t.Count, rand.IntN(t.Size/10*share/t.Count))
	return p.read(query.Aggregate(aggregateName, aggregate), query.SortByAggregate())
}

func (p *peer) find(t *turn, _ *client) int {
	must(p.Find(context.Background(), storedID(rand.IntN(t.Size))))
	return 1
}

func (p *peer) rare(*turn, *client) int {
	return p.read(query.Name(rare), query.SortByTime())
}

func (p *peer) everything(*turn, *client) int {
	return p.read(query.SortByTime())
}

// work does operations until the time is over.
func (c *client) work(t *turn, operation func(*turn, *client) int) {
	c.aggregate, c.start = uuid.New(), time.Now()
	for c.end = c.start; c.end.Sub(c.start).Seconds() < t.Seconds; {
		c.events += operation(t, c)
		now := time.Now()
		c.latencies = append(c.latencies, now.Sub(c.end).Microseconds())
		c.end = now
	}
}

// take lets the clients have a turn.
func (p *peer) take(t *turn) any {
	operation, isThere := p.operations[t.Scenario]
	if !isThere {
		return map[string]int{"unsupported": 1}
	}
	t.hot = uuid.New()
	clients := make([]client, t.Clients)
	var working sync.WaitGroup
	for i := range clients {
		working.Go(func() { clients[i].work(t, operation) })
	}
	working.Wait()
	start, end := clients[0].start, clients[0].end
	var result answer
	for _, c := range clients {
		if c.start.Before(start) {
			start = c.start
		}
		if c.end.After(end) {
			end = c.end
		}
		result.Events += c.events
		result.Latencies = append(result.Latencies, c.latencies...)
	}
	result.Operations, result.Stored, result.Seconds = len(result.Latencies), result.Events, end.Sub(start).Seconds()
	return result
}

func main() {
	var p *peer
	var size int
	input := bufio.NewScanner(os.Stdin)
	for input.Scan() {
		var result any
		var address string
		t := turn{Size: size}
		if n, _ := fmt.Sscanf(input.Text(), "open %s %d", &address, &size); n == 2 {
			p = open(address, size)
			result = map[string]any{"ready": 1, "count": counting}
		} else {
			must(fmt.Sscanf(input.Text(), "turn %s %d %d %f", &t.Scenario, &t.Clients, &t.Count, &t.Seconds))
			result = p.take(&t)
		}
		check(json.NewEncoder(os.Stdout).Encode(result))
	}
}
