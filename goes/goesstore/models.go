package goesstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modernice/goes/persistence/model"
)

var _ model.Repository[model.Model[uuid.UUID], uuid.UUID] = (*ModelRepository[model.Model[uuid.UUID], uuid.UUID])(nil)

// ModelRepository is a model.Repository. It stores models as encoding/json writes them, under the text
// of their ids. Its methods may be called at the same time.
type ModelRepository[Model model.Model[ID], ID model.ID] struct {
	db DB
	settings
}

// ModelFactory makes the model that a stored one is decoded into. With createIfNotFound a model that is
// not stored is what the factory makes, instead of model.ErrNotFound; Use stores it.
func ModelFactory[Model model.Model[ID], ID model.ID](factory func(ID) Model, createIfNotFound bool) Option {
	return func(s *settings) {
		s.factory = func(id any) any { return factory(id.(ID)) }
		s.createIfNotFound = createIfNotFound
	}
}

// NewModelRepository makes a repository of models. It does not use the database yet.
func NewModelRepository[Model model.Model[ID], ID model.ID](db DB, options ...Option) *ModelRepository[Model, ID] {
	return &ModelRepository[Model, ID]{db, newSettings(options)}
}

// Create creates the extension and the table as far as they are missing, and checks a table that is
// there.
func (r *ModelRepository[Model, ID]) Create(ctx context.Context) error {
	return create(ctx, r.db, "SELECT goes_create_model_store($1)", r.table)
}

// Save stores a model, in place of the one with that id if there is one.
func (r *ModelRepository[Model, ID]) Save(ctx context.Context, m Model) error {
	return r.save(ctx, r.db, m.ModelID(), m)
}

// Fetch returns the model with that id. If there is none, and no factory that makes it, the error is
// model.ErrNotFound.
func (r *ModelRepository[Model, ID]) Fetch(ctx context.Context, id ID) (Model, error) {
	var stored []byte
	err := r.db.QueryRow(ctx, "SELECT goes_model_fetch($1, store => $2)", id.String(), r.table).Scan(&stored)
	if err != nil {
		var none Model
		return none, explained("fetch a model", err)
	}
	return r.decode(id, stored)
}

// Use fetches a model, calls the function with it, and stores it, in one transaction: others that use
// the model wait meanwhile. If the function returns an error, nothing is stored.
func (r *ModelRepository[Model, ID]) Use(ctx context.Context, id ID, use func(Model) error) error {
	return pgx.BeginFunc(ctx, r.db, func(tx pgx.Tx) error {
		m, err := r.lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := use(m); err != nil {
			return err
		}
		return r.save(ctx, tx, id, m)
	})
}

// Delete removes a model, if it is there.
func (r *ModelRepository[Model, ID]) Delete(ctx context.Context, m Model) error {
	_, err := r.db.Exec(ctx, "SELECT goes_model_delete($1, store => $2)", m.ModelID().String(), r.table)
	if err != nil {
		return explained("delete a model", err)
	}
	return nil
}

// lock returns a model, and keeps others from using it until the transaction ends.
func (r *ModelRepository[Model, ID]) lock(ctx context.Context, tx pgx.Tx, id ID) (Model, error) {
	var none Model
	var initial *string
	if r.createIfNotFound {
		made, err := json.Marshal(r.factory(id))
		if err != nil {
			return none, fmt.Errorf("goesstore: encode model %s: %w", id, err)
		}
		text := string(made)
		initial = &text
	}
	var stored []byte
	err := tx.QueryRow(ctx, "SELECT goes_model_lock($1, initial => $2::jsonb, store => $3)",
		id.String(), initial, r.table).Scan(&stored)
	if err != nil {
		return none, explained("lock a model", err)
	}
	return r.decode(id, stored)
}

func (r *ModelRepository[Model, ID]) save(ctx context.Context, db DB, id ID, m Model) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("goesstore: encode model %s: %w", id, err)
	}
	_, err = db.Exec(ctx, "SELECT goes_model_save($1, $2::jsonb, store => $3)", id.String(), string(text), r.table)
	if err != nil {
		return explained("save a model", err)
	}
	return nil
}

// decode makes a model of what is stored, which is nil if there is none.
func (r *ModelRepository[Model, ID]) decode(id ID, stored []byte) (Model, error) {
	var m Model
	if r.factory != nil {
		m = r.factory(id).(Model)
	}
	switch {
	case stored != nil:
		if err := json.Unmarshal(stored, &m); err != nil {
			return m, fmt.Errorf("goesstore: decode model %s: %w", id, err)
		}
		return m, nil
	case r.createIfNotFound:
		return m, nil
	default:
		return m, fmt.Errorf("goesstore: model %s: %w", id, model.ErrNotFound)
	}
}
