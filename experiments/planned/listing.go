package planned

import (
	"encoding/json"
	"slices"

	"g2c/api"
	"g2c/experiments/record"
	"g2c/experiments/sweep"
)

// State is how far a task is.
type State string

// The states.
const (
	Waiting State = "waiting" // to be done
	Running State = "running"
	Done    State = "done"
)

// Basis says where an expected time comes from.
type Basis string

// The bases, best first.
const (
	Measured Basis = "measured" // the task is done, and its time was recorded
	Rate     Basis = "rate"     // steps × seconds a step of finished tasks of the same kind and shape
	Timed    Basis = "timed"    // a step of its kind was timed just now
	Estimate Basis = "estimate" // the caller's arithmetic
	Unknown  Basis = "unknown"
)

// Known is what the caller knows of the tasks of a plan. What is not in a map is
// not known, but for State, where it is Waiting.
type Known struct {
	State    map[api.Key]State
	Steps    map[api.Key]int64   // optimizer steps of the whole task; of an evaluation, images
	Seconds  map[api.Key]float64 // measured, of done tasks
	Used     map[api.Key]Used    // measured, of done tasks
	Timed    map[api.Key]float64 // seconds of the whole task, from steps of its kind that were timed
	Estimate map[api.Key]float64 // the same, from operations and a measured speed
}

// Used is what a finished task has taken of machines.
type Used struct {
	DeviceSeconds float64
	Joules        *float64 // nil if not known
}

// Listing is a plan with what is known of it. Its JSON is `g2c plan --json`.
type Listing struct {
	Experiment    string            `json:"experiment"`
	SpecHash      string            `json:"specHash"`
	NumericsClass string            `json:"numericsClass"`
	Labels        map[string]string `json:"labels,omitempty"` // of the spec
	Kinds         []Kind            `json:"kinds"`
	Tasks         []Task            `json:"tasks"`            // each after its inputs
	Data          []record.Data     `json:"data,omitempty"`   // the images that tasks read, and the verdict on them, as the caller found it
	Cost          *Cost             `json:"cost,omitempty"`   // where the spec has prices
	SecondsLeft   float64           `json:"secondsLeft"`      // of the tasks not done whose time is known, one after another
	UnknownLeft   int               `json:"unknownTasksLeft"` // tasks not done of unknown time
}

// Kind sums up the tasks of one kind.
type Kind struct {
	Kind     api.Kind `json:"kind"`
	Tasks    int      `json:"tasks"`
	Requests int      `json:"requests"` // variants of the spec that ask for them
	Done     int      `json:"done"`
}

// Task is a line of the listing.
type Task struct {
	Name     string   `json:"name"`
	Aliases  []string `json:"aliases"` // its other names
	Kind     api.Kind `json:"kind"`
	Key      api.Key  `json:"key"`
	State    State    `json:"state"`
	Requests int      `json:"requests"`
	Inputs   []string `json:"inputs"`  // names of tasks of the plan; keys of ready ones
	Steps    *int64   `json:"steps"`   // null if not known
	Seconds  *float64 `json:"seconds"` // of the whole task, expected or measured; null if not known
	Basis    Basis    `json:"basis"`
	Price    *float64 `json:"price,omitempty"` // in the spec's currency, as Seconds is known
}

// List lists a plan.
func List(p *sweep.Plan, known Known) *Listing {
	l := &Listing{Experiment: p.Experiment, SpecHash: p.SpecHash, NumericsClass: p.Numerics, Labels: p.Labels, Kinds: []Kind{}, Tasks: []Task{}}
	for _, kind := range []api.Kind{api.KindPretrain, api.KindPaired, api.KindStain, api.KindFinetune, api.KindEvaluate} {
		if tasks, requests := p.Count(kind); tasks > 0 {
			l.Kinds = append(l.Kinds, Kind{Kind: kind, Tasks: tasks, Requests: requests})
		}
	}
	if p.Cost != nil {
		l.Cost = &Cost{Cost: *p.Cost}
	}
	rates := rates(p, known)
	for _, item := range p.Items {
		t := Task{
			Name: item.Name(), Aliases: append([]string{}, item.Names[1:]...), Kind: item.Task.Kind, Key: item.Key,
			State: known.state(item.Key), Requests: item.Requests, Inputs: inputs(p, item),
		}
		if steps, ok := known.Steps[item.Key]; ok {
			t.Steps = &steps
		}
		t.Seconds, t.Basis = known.seconds(item, rates)
		if t.Seconds != nil && l.Cost != nil {
			l.Cost.add(&t, known.Used[item.Key])
		}
		l.Tasks = append(l.Tasks, t)
		l.count(t)
	}
	return l
}

func (k Known) state(key api.Key) State {
	if s, ok := k.State[key]; ok {
		return s
	}
	return Waiting
}

// seconds is the best known time of a task.
func (k Known) seconds(item *sweep.Item, rates map[string]rate) (*float64, Basis) {
	if s, ok := k.Seconds[item.Key]; ok && k.state(item.Key) == Done {
		return &s, Measured
	}
	if steps, ok := k.Steps[item.Key]; ok {
		if r := rates[Shape(item.Task)]; r.steps > 0 {
			s := r.seconds / float64(r.steps) * float64(steps)
			return &s, Rate
		}
	}
	if s, ok := k.Timed[item.Key]; ok {
		return &s, Timed
	}
	if s, ok := k.Estimate[item.Key]; ok {
		return &s, Estimate
	}
	return nil, Unknown
}

func (l *Listing) count(t Task) {
	switch {
	case t.State == Done:
		i := slices.IndexFunc(l.Kinds, func(k Kind) bool { return k.Kind == t.Kind })
		l.Kinds[i].Done++
	case t.Seconds == nil:
		l.UnknownLeft++
	default:
		l.SecondsLeft += *t.Seconds
	}
}

func inputs(p *sweep.Plan, item *sweep.Item) []string {
	out := []string{}
	for _, key := range item.Task.Inputs() {
		if in := p.Find(key); in != nil {
			out = append(out, in.Name())
		} else {
			out = append(out, key.String())
		}
	}
	return out
}

// rate is what finished tasks of one shape took together.
type rate struct {
	seconds float64
	steps   int64
}

func rates(p *sweep.Plan, known Known) map[string]rate {
	out := map[string]rate{}
	for _, item := range p.Items {
		seconds, timed := known.Seconds[item.Key]
		steps, counted := known.Steps[item.Key]
		if timed && counted && steps > 0 && known.state(item.Key) == Done {
			r := out[Shape(item.Task)]
			out[Shape(item.Task)] = rate{r.seconds + seconds, r.steps + steps}
		}
	}
	return out
}

// Shape names what decides how long a step of a task takes: the task without what
// does not.
func Shape(t api.Task) string {
	switch t.Kind {
	case api.KindPretrain:
		p := *t.Pretrain
		p.Source, p.Stain, p.Seed, p.Data, p.Normaliser = "", "", 0, api.Key{}, nil
		p.Epochs, p.ConstantEpochs, p.LR, p.Beta1, p.Beta2 = 0, 0, 0, 0, 0
		t.Pretrain = &p
	case api.KindPaired:
		p := *t.Paired
		p.Source, p.Stain, p.Seed, p.Data = "", "", 0, api.Key{}
		p.Epochs, p.ConstantEpochs, p.LR, p.Beta1, p.Beta2, p.LambdaL1 = 0, 0, 0, 0, 0, 0
		t.Paired = &p
	case api.KindFinetune:
		f := finetuneShape(*t.Finetune)
		t.Finetune = &f
	case api.KindEvaluate:
		e := api.Evaluate{Model: finetuneShape(t.Evaluate.Model)}
		e.Model.Epochs, e.Model.FrozenEpochs = 0, 0
		t.Evaluate = &e
	}
	text, err := json.Marshal(t)
	if err != nil {
		panic("planned: a task without JSON: " + err.Error())
	}
	return string(text)
}

// finetuneShape keeps the epochs, since a frozen one is quicker than another.
func finetuneShape(f api.Finetune) api.Finetune {
	f.Source, f.Seed, f.Data = "", 0, api.Key{}
	f.Stains, f.Generators, f.Normaliser = make([]string, len(f.Stains)), nil, nil
	f.Positive, f.Negative, f.PositiveName, f.NegativeName = nil, nil, "", ""
	f.Gamma, f.LR, f.Momentum, f.DropEvery, f.DropBy, f.Select = 0, 0, 0, 0, 0, ""
	return f
}
