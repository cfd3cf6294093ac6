// What WebAssembly needs and a native program has: memory, a few functions of C's library, and the word on how texts are held.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/policy.h"
#include "text.h"

// By this section the host knows how texts are held, and makes the component by itself.
__asm__(".section \".custom_section.trimtab:string-encoding\",\"\",@\n\t.ascii \"utf8\"\n\t.text\n");

// The bindings ask for what would describe the whole contract; the host knows that.
void __component_type_object_force_link_policy(void) {}

_Noreturn void tt_stop(const char *why) {
  (void)why;
  __builtin_trap();
}

_Noreturn void abort(void) { __builtin_trap(); }

// ----------------------------------------------------------------------------------------------------------------- memory
// Every call begins with nothing and ends with nothing: memory is handed out from front to back, and taken back at once.

enum { ALIGN = 8, PAGE_BITS = 16, SIZE_BYTES = ALIGN };

extern unsigned char __heap_base;
static uintptr_t top;
static uintptr_t end;

// The next place that is a multiple of `align`, or 0.
static void *take(size_t bytes, size_t align) {
  if (end == 0) {
    top = (uintptr_t)&__heap_base;
    end = (uintptr_t)__builtin_wasm_memory_size(0) << PAGE_BITS;
  }
  uintptr_t start = (top + align - 1) & ~(uintptr_t)(align - 1), next = start + bytes;
  if (start < top || next < start) return 0;
  if (next > end) {
    size_t pages = (next - end + ((size_t)1 << PAGE_BITS) - 1) >> PAGE_BITS;
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return 0;
    end = (uintptr_t)__builtin_wasm_memory_size(0) << PAGE_BITS;
  }
  top = next;
  return (void *)start;
}

// Instead of the bindings' weak one: the host says how much there was, so that no block needs its size before it.
__attribute__((__export_name__("cabi_realloc"))) void *cabi_realloc(void *old, size_t had, size_t align, size_t bytes) {
  if (bytes == 0) return (void *)align;
  void *block = take(bytes, align);
  if (!block) __builtin_trap();
  if (had > 0) memcpy(block, old, had < bytes ? had : bytes);
  return block;
}

void *malloc(size_t bytes) {
  if (bytes > SIZE_MAX - SIZE_BYTES) return 0;
  uint8_t *block = take(SIZE_BYTES + bytes, ALIGN);
  if (!block) return 0;
  *(size_t *)(void *)block = bytes;
  return block + SIZE_BYTES;
}

void free(void *block) { (void)block; }

void *realloc(void *old, size_t bytes) {
  if (!old) return malloc(bytes);
  size_t had = *(size_t *)(void *)((uint8_t *)old - SIZE_BYTES);
  if (bytes <= had) return old;
  void *block = malloc(bytes);
  if (block) memcpy(block, old, had);
  return block;
}

void *calloc(size_t count, size_t bytes) {
  size_t all;
  if (__builtin_mul_overflow(count, bytes, &all)) return 0;
  void *block = malloc(all);
  // What was handed out in an earlier call lies there still.
  if (block) memset(block, 0, all);
  return block;
}

// The bindings' own, weak, would free an answer text by text, and those in the program's data too.
#define AFTER(function, symbol)                                                               \
  __attribute__((__export_name__("cabi_post_trimtab:policy/decide@0.1.0#" function))) void    \
      __wasm_export_exports_trimtab_policy_decide_##symbol##_post_return(uint8_t *answer) {   \
    (void)answer;                                                                             \
    top = (uintptr_t)&__heap_base;                                                            \
  }
AFTER("describe", describe)
AFTER("needs", needs)
AFTER("evaluate", evaluate)

// ------------------------------------------------------------------------------------------------------------------ bytes
// Where the processor has them as instructions, the built-ins are these, and not calls of these very functions.

#ifdef __wasm_bulk_memory__
void *memcpy(void *restrict to, const void *restrict from, size_t bytes) { return __builtin_memcpy(to, from, bytes); }
void *memmove(void *to, const void *from, size_t bytes) { return __builtin_memmove(to, from, bytes); }
void *memset(void *to, int byte, size_t bytes) { return __builtin_memset(to, byte, bytes); }
#else
#error "compile for WebAssembly with -mbulk-memory"
#endif

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
