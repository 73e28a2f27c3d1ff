package goesstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/modernice/goes/persistence/model"

	"goes_store/goesstore"
)

// total is a read model.
type total struct {
	ID    uuid.UUID `json:"id"`
	Count int       `json:"count"`
	note  string    // is not stored
}

func (t *total) ModelID() uuid.UUID { return t.ID }

func newTotal(id uuid.UUID) *total { return &total{ID: id, Count: 100, note: "made"} }

// newModels returns a new repository.
func newModels(t *testing.T, options ...goesstore.Option) *goesstore.ModelRepository[*total, uuid.UUID] {
	t.Helper()
	models := goesstore.NewModelRepository[*total, uuid.UUID](newPool(t), options...)
	must(t, models.Create(context.Background()))
	return models
}

func TestAMissingModelIsNotFound(t *testing.T) {
	models := newModels(t)
	if _, err := models.Fetch(t.Context(), uuid.New()); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("fetch: %v", err)
	}
	if err := models.Use(t.Context(), uuid.New(), func(*total) error { return nil }); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("use: %v", err)
	}
	if err := models.Delete(t.Context(), newTotal(uuid.New())); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func TestAModelFactory(t *testing.T) {
	id := uuid.New()
	strict := newModels(t, goesstore.ModelFactory(newTotal, false))
	if _, err := strict.Fetch(t.Context(), id); !errors.Is(err, model.ErrNotFound) {
		t.Errorf("without createIfNotFound: %v", err)
	}
	must(t, strict.Save(t.Context(), &total{ID: id, Count: 1}))
	if m, err := strict.Fetch(t.Context(), id); err != nil || m.Count != 1 || m.note != "made" {
		t.Errorf("a stored model is not decoded into the factory's: %+v %v", m, err)
	}

	making := newModels(t, goesstore.ModelFactory(newTotal, true))
	if m, err := making.Fetch(t.Context(), id); err != nil || m.ID != id || m.Count != 100 {
		t.Errorf("fetch: %+v %v", m, err)
	}
	must(t, making.Use(t.Context(), id, func(m *total) error { m.Count++; return nil }))
	must(t, making.Use(t.Context(), id, func(m *total) error { m.Count++; return nil }))
	if m, err := making.Fetch(t.Context(), id); err != nil || m.Count != 102 {
		t.Errorf("use: %+v %v", m, err)
	}
}

// Of many that use a model at once none loses what another has done, even if it is missing at first.
func TestUsingAModelAtOnce(t *testing.T) {
	const users, times = 8, 20
	models := newModels(t, goesstore.ModelFactory(newTotal, true))
	id := uuid.New()
	var group sync.WaitGroup
	for range users {
		group.Go(func() {
			for range times {
				if err := models.Use(t.Context(), id, func(m *total) error { m.Count++; return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if m, err := models.Fetch(t.Context(), id); err != nil || m.Count != 100+users*times {
		t.Errorf("%+v %v", m, err)
	}
}

func TestAnErrorOfTheUserStoresNothing(t *testing.T) {
	models := newModels(t, goesstore.ModelFactory(newTotal, false))
	m := newTotal(uuid.New())
	must(t, models.Save(t.Context(), m))
	stopped := errors.New("stopped")
	if err := models.Use(t.Context(), m.ID, func(m *total) error { m.Count++; return stopped }); !errors.Is(err, stopped) {
		t.Errorf("use: %v", err)
	}
	if m, err := models.Fetch(t.Context(), m.ID); err != nil || m.Count != 100 {
		t.Errorf("%+v %v", m, err)
	}
}
