package api

import (
	"bytes"
	"fmt"
)

// The encoding of a work, version 1, for logs and snapshots: "g2c/work/1\n" and
// fields, as in encoding.go. The task is its own canonical encoding, so that its
// key can be recomputed from what is stored; the key itself is stored too and
// believed by nobody who has not done so.

const workMagic = "g2c/work/1\n"

// MaxWorkBytes bounds an encoded work: a task and as many bytes of paths again,
// thrice.
const MaxWorkBytes = 4 * MaxCanonicalBytes

// Encode is the only encoding of a work whose task is valid.
func (w Work) Encode() []byte {
	e := &encoder{buf: []byte(workMagic)}
	e.field(1, w.Task.Canonical())
	w.fields(e)
	return e.buf
}

// DecodeWork reads strictly: it succeeds only for what Encode writes.
func DecodeWork(b []byte) (Work, error) {
	var w Work
	if len(b) > MaxWorkBytes {
		return w, fmt.Errorf("%w: a work of %d bytes, at most %d", ErrEncoding, len(b), MaxWorkBytes)
	}
	rest, ok := bytes.CutPrefix(b, []byte(workMagic))
	if !ok {
		return w, fmt.Errorf("%w: a work does not begin with %q", ErrEncoding, workMagic)
	}
	d := &decoder{rest: rest, err: new(error)}
	task := d.field(1)
	w.fields(d)
	if *d.err == nil && len(d.rest) != 0 {
		d.fail("%d bytes too many", len(d.rest))
	}
	if *d.err != nil {
		return Work{}, *d.err
	}
	var err error
	if w.Task, err = DecodeTask(task); err != nil {
		return Work{}, err
	}
	if len(w.Names) == 0 {
		return Work{}, fmt.Errorf("%w: a work without a name", ErrEncoding)
	}
	if !bytes.Equal(w.Encode(), b) {
		return Work{}, fmt.Errorf("%w: another encoding of a work", ErrEncoding)
	}
	return w, nil
}

func (w *Work) fields(c coder) {
	c.key(2, &w.Key)
	c.texts(3, &w.Names)
	c.nested(4, w.Where.fields)
	c.nested(5, w.Gang.fields)
	c.nested(6, w.Checkpoint.fields)
	c.signed(7, &w.Priority)
	c.text(8, &w.Project)
	c.text(9, &w.Experiment)
}

func (g *Gang) fields(c coder) {
	c.integer(1, &g.Min)
	c.integer(2, &g.Max)
}

func (p *Checkpoint) fields(c coder) {
	c.integer(1, &p.EveryEpochs)
	c.integer(2, &p.EverySteps)
	c.integer(3, &p.Keep)
	c.boolean(4, &p.KeepBest)
}

func (w *Where) fields(c coder) {
	c.text(1, &w.Source)
	optional(c, 2, &w.Synthetic, (*Synthetic).fields)
	structs(c, 3, &w.Unlabelled, (*StainPaths).fields)
	optional(c, 4, &w.Labelled, (*Labelled).fields)
	structs(c, 5, &w.Generators, (*StainModel).fields)
}

func (s *Synthetic) fields(c coder) {
	c.integer(1, &s.Patients)
	c.integer(2, &s.Patches)
	c.seed(3, &s.Seed)
}

func (s *StainPaths) fields(c coder) {
	c.text(1, &s.Stain)
	c.texts(2, &s.Paths)
}

func (s *StainModel) fields(c coder) {
	c.text(1, &s.Stain)
	c.text(2, &s.Model)
	c.key(3, &s.Key)
}

func (l *Labelled) fields(c coder) {
	c.texts(1, &l.Train)
	optional(c, 2, &l.Validation, (*Validation).fields)
	c.texts(3, &l.Test)
	c.text(4, &l.Pattern)
	c.nested(5, l.Columns.fields)
	if c.present(6, l.By != "") {
		c.text(6, &l.By)
	}
	if c.present(7, l.AllowDuplicates) {
		c.boolean(7, &l.AllowDuplicates)
	}
	if c.present(8, l.Folds != 0) {
		c.integer(8, &l.Folds)
	}
	if c.present(9, l.Fold != 0) {
		c.integer(9, &l.Fold)
	}
	if c.present(10, l.Take != 0) {
		c.integer(10, &l.Take)
	}
	if c.present(11, l.Seed != 0) {
		c.seed(11, &l.Seed)
	}
}

func (v *Validation) fields(c coder) {
	c.texts(1, &v.Paths)
	c.float(2, &v.Fraction)
	c.seed(3, &v.Seed)
}

func (k *Columns) fields(c coder) {
	c.text(1, &k.Path)
	c.text(2, &k.Label)
	c.text(3, &k.Patient)
	c.text(4, &k.Slide)
}

// optional codes a struct that may be missing.
func optional[T any](c coder, number int, v **T, fields func(*T, coder)) {
	if !c.present(number, *v != nil) {
		return
	}
	if *v == nil {
		*v = new(T)
	}
	c.nested(number, func(c coder) { fields(*v, c) })
}

// structs codes a list of structs.
func structs[T any](c coder, number int, v *[]T, fields func(*T, coder)) {
	c.each(number, len(*v), func(i int, c coder) {
		if i == len(*v) {
			*v = append(*v, *new(T))
		}
		fields(&(*v)[i], c)
	})
}
