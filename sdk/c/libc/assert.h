#pragma once
#include <stdlib.h>

// A policy that stops gives no answer, and the host reports it.
#ifdef NDEBUG
#define assert(holds) ((void)0)
#else
#define assert(holds) ((holds) ? (void)0 : abort())
#endif
