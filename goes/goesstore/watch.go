package goesstore

import (
	"context"
	"sync"
	"time"
)

// How long a call waits for news. A server notices late that a waiting client has gone.
const longestWait = 10 * time.Second

// How many subscribers of a bus read at once. Each event wakes all of them, and the pool has other users.
const readers = 2

// watcher waits for news of a feed, on one connection for all subscribers of a bus.
type watcher struct {
	store   *EventStore
	reading chan struct{} // full while as many read as may

	mutex       sync.Mutex
	subscribers int
	stop        context.CancelFunc
	position    int64         // up to where the feed is settled, as far as known
	err         error         // why nothing is known
	news        chan struct{} // closed when the position or the error changes
}

func newWatcher(store *EventStore) *watcher {
	return &watcher{store: store, reading: make(chan struct{}, readers), news: make(chan struct{})}
}

// join has the watcher watch for one subscriber more, until the function that it returns is called.
func (w *watcher) join() (leave func()) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.subscribers++; w.subscribers == 1 {
		ctx, stop := context.WithCancel(context.Background())
		w.stop, w.position, w.err = stop, 0, nil
		go w.watch(ctx)
	}
	return func() {
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if w.subscribers--; w.subscribers == 0 {
			w.stop()
		}
	}
}

// wait returns once the feed is settled beyond a position, or the watcher knows nothing.
func (w *watcher) wait(ctx context.Context, after int64) error {
	for {
		w.mutex.Lock()
		position, err, news := w.position, w.err, w.news
		w.mutex.Unlock()
		if err != nil || position > after {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		}
	}
}

// watch waits for news until the context is done. After an error it begins anew, since the feed may
// have done so.
func (w *watcher) watch(ctx context.Context) {
	var position int64
	for ctx.Err() == nil {
		err := w.store.db.QueryRow(ctx, "SELECT goes_feed_position($1, wait_ms => $2::integer, store => $3)",
			position, longestWait.Milliseconds(), w.store.table).Scan(&position)
		if err != nil {
			position, err = 0, explained("follow", err)
		}
		w.tell(ctx, position, err)
		if err != nil {
			sleep(ctx, pause)
		}
	}
}

// tell tells the subscribers what the watcher knows, unless it was stopped.
func (w *watcher) tell(ctx context.Context, position int64, err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if ctx.Err() != nil || (position == w.position && err == nil && w.err == nil) {
		return
	}
	w.position, w.err = position, err
	close(w.news)
	w.news = make(chan struct{})
}
