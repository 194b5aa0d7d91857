// fmath.cuh: exp, log, tanh and the logistic function in double, operation by
// operation as in internal/fmath: the same bits.
#pragma once

#include "common.cuh"

namespace fmath {

constexpr double kLn2Hi = 6.93147180369123816490e-01, kLn2Lo = 1.90821492927058770002e-10;

// From FreeBSD's e_exp.c: x = k ln2 + r, e^r = 1 + r + r c/(2-c).
__device__ inline double exp(double x) {
  if (isnan(x)) return x;
  if (x > 7.09782712893383973096e+02) return INFINITY;
  if (x < -7.45133219101941108420e+02) return 0;
  if (fabs(x) < 1.0 / (1 << 28)) return 1 + x;
  const double k = floor(1.44269504088896338700e+00 * x + 0.5);
  const double hi = x - k * kLn2Hi, lo = k * kLn2Lo, r = hi - lo, t = r * r;
  double p = -1.65339022054652515390e-06 + t * 4.13813679705723846039e-08;
  p = 6.61375632143793436117e-05 + t * p;
  p = -2.77777777770155933842e-03 + t * p;
  p = 1.66666666666666657415e-01 + t * p;
  const double c = r - t * p;
  return ldexp(1 - ((lo - r * c / (2 - c)) - hi), int(k));
}

// From FreeBSD's e_log.c: x = 2^k (1+f), log(1+f) in s = f/(2+f).
__device__ inline double log(double x) {
  if (isnan(x) || (isinf(x) && x > 0)) return x;
  if (x < 0) return NAN;
  if (x == 0) return -INFINITY;
  int e;
  double m = frexp(x, &e);
  if (m < 0.70710678118654752440) {
    m *= 2;
    e--;
  }
  const double f = m - 1, k = e, s = f / (2 + f), s2 = s * s, s4 = s2 * s2;
  double odd = 1.818357216161805012e-01 + s4 * 1.479819860511658591e-01;
  odd = 2.857142874366239149e-01 + s4 * odd;
  odd = 6.666666666666735130e-01 + s4 * odd;
  double even = 2.222219843214978396e-01 + s4 * 1.531383769920937332e-01;
  even = 3.999999999940941908e-01 + s4 * even;
  const double r = s2 * odd + s4 * even, half = 0.5 * f * f;
  const double low = s * (half + r) + k * kLn2Lo;
  return k * kLn2Hi - ((half - low) - f);
}

// The logistic function, without overflow on either side.
__device__ inline double sigmoid(double x) {
  if (x < 0) {
    const double e = exp(x);
    return e / (1 + e);
  }
  return 1 / (1 + exp(-x));
}

// Near zero the rational kernel of Cephes' tanh.c, elsewhere 1 - 2/(e^2x + 1).
__device__ inline double tanh(double x) {
  const double z = fabs(x);
  if (isnan(x) || x == 0) return x;
  if (z > 22) return copysign(1.0, x);
  if (z >= 0.625) return copysign(1 - 2 / (exp(2 * z) + 1), x);
  const double s = x * x;
  double p = -9.92877231001918586564e1 + s * -9.64399179425052238628e-1;
  p = -1.61468768441708447952e3 + s * p;
  double q = 1.12811678491632931402e2 + s;
  q = 2.23548839060100448583e3 + s * q;
  q = 4.84406305325125486048e3 + s * q;
  return x + x * s * p / q;
}

// kernels.Power: a product for small whole exponents.
__device__ inline double power(double x, double gamma) {
  if (gamma == trunc(gamma) && gamma <= 8) {
    double r = 1;
    for (int i = 0; i < int(gamma); i++) r *= x;
    return r;
  }
  if (x <= 0) return 0;
  return exp(gamma * log(x));
}

}  // namespace fmath
