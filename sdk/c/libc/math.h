// What WebAssembly has as instructions. There is no exp, log, pow or sin: bring their source, or compute without them.
#pragma once

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isnan(x) __builtin_isnan(x)
#define isinf(x) __builtin_isinf(x)

static inline double ceil(double x) { return __builtin_ceil(x); }
static inline double floor(double x) { return __builtin_floor(x); }
static inline double trunc(double x) { return __builtin_trunc(x); }
static inline double rint(double x) { return __builtin_rint(x); }
static inline double fabs(double x) { return __builtin_fabs(x); }
static inline double sqrt(double x) { return __builtin_sqrt(x); }
static inline double fmin(double a, double b) { return b != b || a < b ? a : b; }
static inline double fmax(double a, double b) { return b != b || a > b ? a : b; }
