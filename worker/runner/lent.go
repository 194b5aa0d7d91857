package runner

import "context"

// Lender lends the slots of a worker, by number, to one of its tasks.
type Lender interface {
	// Take waits for so many more.
	Take(ctx context.Context, n int) ([]int, error)
	Give(numbers []int) error
}

// Lent are slots that a worker lends to a task in a process of its own, which opens their
// devices. It belongs to the goroutine that trains.
type Lent struct {
	worker  string
	from    Lender
	open    func(slot int) (*Runner, error)
	note    func(error)
	numbers map[*Runner]int
}

// NewLent makes them. An error of a device that is closed, or of the lender as it takes
// slots back, is noted: the task has left them.
func NewLent(worker string, from Lender, open func(slot int) (*Runner, error), note func(error)) *Lent {
	return &Lent{worker: worker, from: from, open: open, note: note, numbers: map[*Runner]int{}}
}

// ID implements Slots.
func (l *Lent) ID() string { return l.worker }

// take implements Slots. Of those that it got and could not open none is given back: the
// task has failed, and its process ends.
func (l *Lent) take(ctx context.Context, n int) (taken []*Runner, err error) {
	numbers, err := l.from.Take(ctx, n)
	if err != nil {
		return nil, err
	}
	for _, number := range numbers {
		r, err := l.open(number)
		if err != nil {
			return taken, err
		}
		l.numbers[r] = number
		taken = append(taken, r)
	}
	return taken, nil
}

func (l *Lent) give(taken []*Runner) {
	var numbers []int
	for _, r := range taken {
		if err := r.Device.Close(); err != nil {
			l.note(err)
		}
		numbers = append(numbers, l.numbers[r])
		delete(l.numbers, r)
	}
	if err := l.from.Give(numbers); err != nil {
		l.note(err)
	}
}
