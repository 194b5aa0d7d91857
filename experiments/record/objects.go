package record

import (
	"context"
	"errors"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint/store"
)

// put stores an object beside a run's record.
func put(ctx context.Context, s store.Store, id, suffix string, body store.Body) error {
	key, err := key(id, suffix)
	if err != nil {
		return err
	}
	return s.Put(ctx, key, body)
}

// get reads one; nil where there is none.
func get(ctx context.Context, s store.Reader, id, suffix string) ([]byte, error) {
	key, err := key(id, suffix)
	if err != nil {
		return nil, err
	}
	data, err := read(ctx, s, key)
	if errors.Is(err, store.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// PutAuthentic stores what joint training made of the generators of a fine-tuning.
func PutAuthentic(ctx context.Context, s store.Store, id string, finetuning api.Key, body store.Body) error {
	return put(ctx, s, id, authentic+finetuning.String(), body)
}

// Authentic is what joint training made of the generators of a fine-tuning; nil where nobody
// looked.
func Authentic(ctx context.Context, s store.Reader, id string, finetuning api.Key) ([]byte, error) {
	return get(ctx, s, id, authentic+finetuning.String())
}

// Keys are the keys of what a store has of a run: the record first.
func Keys(ctx context.Context, s store.Reader, id string) ([]string, error) {
	var keys []string
	for _, suffix := range []string{suffix, examples} {
		key, err := key(id, suffix)
		if err != nil {
			return nil, err
		}
		_, err = s.Stat(ctx, key)
		if err != nil && !errors.Is(err, store.ErrNotExist) {
			return nil, err
		}
		if err == nil {
			keys = append(keys, key)
		}
	}
	one, err := key(id, authentic+api.Key{}.String())
	if err != nil {
		return nil, err
	}
	infos, err := s.List(ctx, strings.TrimSuffix(one, api.Key{}.String()))
	for _, info := range infos {
		keys = append(keys, info.Key)
	}
	return keys, err
}

// Delete drops what a store has of a run: the record last, since it names the rest.
func Delete(ctx context.Context, s store.Store, id string) error {
	keys, err := Keys(ctx, s, id)
	for _, key := range slices.Backward(keys) {
		if err == nil {
			err = s.Delete(ctx, key)
		}
	}
	return err
}
