package allreduce

// add is to = a + b, element by element; to may be a or b.
func add[T Element](to, a, b []T) {
	b = b[:len(to)]
	for i, v := range a[:len(to)] {
		to[i] = v + b[i]
	}
}
