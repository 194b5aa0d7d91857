package scheduler

import "g2c/coordinator/state"

// pageSize is how many numbers a page of the table has: one live task among ended
// ones keeps a page, a few KiB.
const pageSize = 64

// table is the live tasks by number. Numbers only rise, so it has pages, and one
// on which no task is live any more goes: its size follows the live tasks, not all
// that ever were.
type table struct {
	pages map[uint64]*page
	count int
}

type page struct {
	used  int
	items [pageSize]item
}

// item is a live task and where it stands in the index. Most tasks have one wish and no
// gang, and so no more than that.
type item struct {
	task  *state.Task
	first stand
	more  *more // nil for none
}

// more is what few tasks have.
type more struct {
	stands []stand // of a task with several wishes, beside the first
	parts  []share // of a gang
	lent   int     // slots of a gang above its least
}

// stand is a task's place in a queue: one for each of its wishes that ask for
// something else, or for another project.
type stand struct {
	queue    *queue // nil for none
	priority int
}

// share is what a gang has of a node class.
type share struct {
	class *nodeClass
	slots int
}

// at is the item of a number; nil if no live task has it.
func (t *table) at(seq uint64) *item {
	p := t.pages[seq/pageSize]
	if p == nil || p.items[seq%pageSize].task == nil {
		return nil
	}
	return &p.items[seq%pageSize]
}

// put makes an item for a task that has none.
func (t *table) put(task *state.Task) *item {
	n := task.Seq / pageSize
	p := t.pages[n]
	if p == nil {
		p = &page{}
		t.pages[n] = p
	}
	p.used++
	t.count++
	i := &p.items[task.Seq%pageSize]
	i.task = task
	return i
}

// drop takes a task out.
func (t *table) drop(seq uint64) {
	n := seq / pageSize
	p := t.pages[n]
	p.items[seq%pageSize] = item{}
	t.count--
	if p.used--; p.used == 0 {
		delete(t.pages, n)
	}
}
