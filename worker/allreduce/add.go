package allreduce

//go:generate go run ../../kernels/cpu/internal/addgen add_amd64.s add_gen.go

// add is to = a + b, element by element; to may be a or b.
func add[T Element](to, a, b []T) {
	a, b = a[:len(to)], b[:len(to)]
	n := addBlocks(to, a, b)
	addPlain(to[n:], a[n:], b[n:])
}

func addPlain[T Element](to, a, b []T) {
	b = b[:len(to)]
	for i, v := range a[:len(to)] {
		to[i] = v + b[i]
	}
}
