// As much of C's library as there is on WebAssembly without WASI; guest.c has it. Memory is taken back when a call ends.
#pragma once
#include <stddef.h>

void *malloc(size_t);
void *realloc(void *, size_t);
void *calloc(size_t, size_t);
void free(void *);
_Noreturn void abort(void);
