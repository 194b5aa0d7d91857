package allreduce

// Costs are what processes of a simulated gang have and use, in seconds and bytes.
type Costs struct {
	Latency    float64 // from the last byte's leaving to its arrival
	Bandwidth  float64 // bytes a second of each process's connection, each way
	PerByte    float64 // of a processor, to send a byte, and again to receive it
	PerMessage float64 // likewise for a message
	Processors float64 // of each process
}

// Simulate plays a round of processes that hold one shard each, and says how long it takes
// until the last has all sums. Buckets, in bytes of float32, are all there at the start.
// A process's connection carries one message at a time each way, to its peers in turn;
// its processors work on messages in the order in which they come.
func Simulate(c Costs, processes int, buckets []int) float64 {
	s := simulation{Costs: c, processes: processes, hosts: make([]simulatedHost, processes)}
	for bucket, size := range buckets {
		for _, p := range pieces(nil, bucket, size/4, processes, messageBytes/4) {
			s.pieces = append(s.pieces, simulatedPiece{owner: p.owner, bytes: float64(4 * p.len()), missing: processes - 1})
		}
	}
	// In turn: each process begins with the peer behind it.
	byOwner := make([][]int, processes)
	for i, p := range s.pieces {
		byOwner[p.owner] = append(byOwner[p.owner], i)
	}
	for from := range processes {
		for at, more := 0, true; more; at++ {
			more = false
			for step := 1; step < processes; step++ {
				if owned := byOwner[(from+step)%processes]; at < len(owned) {
					s.send(0, from, s.pieces[owned[at]].owner, owned[at], false)
					more = true
				}
			}
		}
	}
	end := 0.0
	for len(s.events) > 0 {
		end = max(end, s.receive(s.pop()))
	}
	return end
}

type simulation struct {
	Costs
	processes int
	hosts     []simulatedHost
	pieces    []simulatedPiece
	events    []arrival // a heap, the earliest first
}

// simulatedHost says when what a process has is free again.
type simulatedHost struct{ processors, out, in float64 }

type simulatedPiece struct {
	owner, missing int
	bytes          float64
}

// arrival is a message whose last byte may come at a time.
type arrival struct {
	at    float64
	to    int32
	piece int32
	sum   bool
}

// work occupies a process's processors with a message.
func (s *simulation) work(at float64, host int, bytes float64) float64 {
	h := &s.hosts[host]
	h.processors = max(h.processors, at) + (s.PerMessage+s.PerByte*bytes)/s.Processors
	return h.processors
}

func (s *simulation) send(at float64, from, to, piece int, sum bool) {
	bytes := s.pieces[piece].bytes
	ready := s.work(at, from, bytes)
	h := &s.hosts[from]
	h.out = max(h.out, ready) + bytes/s.Bandwidth
	s.push(arrival{h.out + s.Latency, int32(to), int32(piece), sum})
}

// receive takes a message in, sends what becomes possible by it, and says when it was
// taken in.
func (s *simulation) receive(a arrival) float64 {
	p, h := &s.pieces[a.piece], &s.hosts[a.to]
	h.in = max(a.at, h.in+p.bytes/s.Bandwidth)
	done := s.work(h.in, int(a.to), p.bytes)
	if a.sum {
		return done
	}
	if p.missing--; p.missing == 0 {
		for step := 1; step < s.processes; step++ {
			s.send(done, p.owner, (p.owner+step)%s.processes, int(a.piece), true)
		}
	}
	return done
}

// push and pop keep the heap.
func (s *simulation) push(a arrival) {
	s.events = append(s.events, a)
	for i := len(s.events) - 1; i > 0; {
		up := (i - 1) / 2
		if s.events[up].at <= s.events[i].at {
			break
		}
		s.events[up], s.events[i] = s.events[i], s.events[up]
		i = up
	}
}

func (s *simulation) pop() arrival {
	first, last := s.events[0], len(s.events)-1
	s.events[0] = s.events[last]
	s.events = s.events[:last]
	for i := 0; ; {
		least := i
		for _, down := range []int{2*i + 1, 2*i + 2} {
			if down < last && s.events[down].at < s.events[least].at {
				least = down
			}
		}
		if least == i {
			return first
		}
		s.events[i], s.events[least] = s.events[least], s.events[i]
		i = least
	}
}
