package stain

import "math"

func dot(a, b [3]float64) float64 {
	return float64(a[0]*b[0]) + float64(a[1]*b[1]) + float64(a[2]*b[2])
}

// covariance of points, divided by their number less one.
func covariance(points [][3]float64) (c [3][3]float64) {
	var mean [3]float64
	for _, p := range points {
		for k := range mean {
			mean[k] += p[k]
		}
	}
	for k := range mean {
		mean[k] /= float64(len(points))
	}
	for _, p := range points {
		for i := range c {
			for j := range i + 1 {
				c[i][j] += float64((p[i] - mean[i]) * (p[j] - mean[j]))
			}
		}
	}
	for i := range c {
		for j := range i + 1 {
			c[i][j] /= float64(len(points) - 1)
			c[j][i] = c[i][j]
		}
	}
	return c
}

// sweeps of Jacobi's method; a matrix of three is diagonal to the last bit after six.
const sweeps = 12

// eigen are the eigenvalues of a symmetric matrix, the largest first, and their vectors of
// length 1, by Jacobi's rotations.
// Source: Golub and Van Loan, "Matrix Computations", 8.5.
func eigen(a [3][3]float64) (values [3]float64, vectors [3][3]float64) {
	v := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}} // rows are vectors
	for range sweeps {
		for _, at := range [3][2]int{{0, 1}, {0, 2}, {1, 2}} {
			rotate(&a, &v, at[0], at[1])
		}
	}
	order := [3]int{0, 1, 2}
	for i := range order { // stable
		for j := i; j > 0 && a[order[j]][order[j]] > a[order[j-1]][order[j-1]]; j-- {
			order[j], order[j-1] = order[j-1], order[j]
		}
	}
	for i, k := range order {
		values[i], vectors[i] = a[k][k], v[k]
	}
	return values, vectors
}

// rotate makes a[p][q] zero.
func rotate(a, v *[3][3]float64, p, q int) {
	if a[p][q] == 0 {
		return
	}
	tau := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := 1 / (math.Abs(tau) + math.Sqrt(1+float64(tau*tau)))
	if tau < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(1+float64(t*t))
	s := t * c
	for k := range 3 { // columns, then rows
		x, y := a[k][p], a[k][q]
		a[k][p], a[k][q] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	for k := range 3 {
		x, y := a[p][k], a[q][k]
		a[p][k], a[q][k] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
		x, y = v[p][k], v[q][k]
		v[p][k], v[q][k] = float64(c*x)-float64(s*y), float64(s*x)+float64(c*y)
	}
	a[p][q], a[q][p] = 0, 0
}
