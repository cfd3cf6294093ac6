#pragma once
#include <stddef.h>

void *malloc(size_t);
void *realloc(void *, size_t);
void free(void *);
void *calloc(size_t, size_t);
_Noreturn void abort(void);
