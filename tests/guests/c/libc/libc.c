// As much of a C library as the generated bindings and the policy call, so that no WASI is needed.
#include <arena.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// ------------------------------------------------------------------------------------------------------------ memory
// One arena above the program's own data. A call allocates, arena_reset drops it all. Each block is preceded by its size,
// for realloc; only the last block can be freed, which is what the bindings mostly do.

enum { ALIGN = 16, PAGE_BITS = 16 };

extern unsigned char __heap_base;
static uintptr_t top;

static uintptr_t aligned(uintptr_t at) { return (at + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1); }
static size_t *size_of(void *block) { return (size_t *)((uintptr_t)block - ALIGN); }

void arena_reset(void) { top = 0; }

void *malloc(size_t bytes) {
  if (top == 0) top = aligned((uintptr_t)&__heap_base);
  uintptr_t block = top + ALIGN, end = aligned(block + bytes);
  if (end < block) return 0;
  uintptr_t have = (uintptr_t)__builtin_wasm_memory_size(0) << PAGE_BITS;
  if (end > have) {
    size_t pages = (end - have + (1 << PAGE_BITS) - 1) >> PAGE_BITS;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return 0;
  }
  top = end;
  *size_of((void *)block) = bytes;
  return (void *)block;
}

void free(void *block) {
  // Texts that lie in the program's data were never handed out.
  if ((uintptr_t)block < (uintptr_t)&__heap_base) return;
  if (aligned((uintptr_t)block + *size_of(block)) == top) top = (uintptr_t)size_of(block);
}

void *realloc(void *old, size_t bytes) {
  if (!old) return malloc(bytes);
  size_t had = *size_of(old);
  if (bytes <= had) return old;
  void *block = malloc(bytes);
  if (block) memcpy(block, old, had);
  return block;
}

void *calloc(size_t count, size_t bytes) {
  size_t all;
  if (__builtin_mul_overflow(count, bytes, &all)) return 0;
  void *block = malloc(all);
  if (block) memset(block, 0, all);
  return block;
}

_Noreturn void abort(void) { __builtin_trap(); }

// ------------------------------------------------------------------------------------------------------------- bytes
// With -mbulk-memory the built-ins are single instructions, not calls of these very functions.

void *memcpy(void *to, const void *from, size_t bytes) {
  __builtin_memcpy(to, from, bytes);
  return to;
}

void *memmove(void *to, const void *from, size_t bytes) {
  __builtin_memmove(to, from, bytes);
  return to;
}

void *memset(void *to, int byte, size_t bytes) {
  __builtin_memset(to, byte, bytes);
  return to;
}

int memcmp(const void *one, const void *other, size_t bytes) {
  const uint8_t *a = one, *b = other;
  for (; bytes; bytes--, a++, b++) {
    if (*a != *b) return *a - *b;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t length = 0;
  while (text[length]) length++;
  return length;
}
