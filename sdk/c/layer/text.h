// Texts, sentences made of them, and numbers for people.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bindings/policy.h"

// Bytes of UTF-8 and how many; no zero ends them. One that the snapshot or a parameter holds lives as long as the call.
typedef policy_string_t tt_text;

typedef policy_list_string_t tt_texts;

// Zeroed memory that lives until the call ends; there is nothing to free. Without room the policy stops, which the host
// reports as such.
void *tt_allocate(size_t count, size_t bytes);

// A list's memory with room for one item more than `len`; only lists that were grown by it from none may be.
void *tt_grown(void *items, size_t len, size_t item_bytes);

// Stops the policy, for a mistake in its code: there is no answer then, which is better than a wrong one.
_Noreturn void tt_stop(const char *why);

// A text of C's. The length of one that is written out is counted by the compiler, which a function would hide from it: what
// stands between the brackets is looked at twice.
#define tt(chars) ((tt_text){(uint8_t *)(chars), __builtin_strlen(chars)})

bool tt_same(tt_text one, tt_text other);

// A list of texts: TT_TEXTS(tt("a"), reading).
#define TT_TEXTS(...)                                    \
  tt_texts_of((const tt_text[]){__VA_ARGS__}, sizeof((const tt_text[]){__VA_ARGS__}) / sizeof(tt_text))
tt_texts tt_texts_of(const tt_text *texts, size_t count);

// One text of several: tt_join(name, tt(" is "), tt_figure(load)).
#define tt_join(...)                                     \
  tt_join_all((const tt_text[]){__VA_ARGS__}, sizeof((const tt_text[]){__VA_ARGS__}) / sizeof(tt_text))
tt_text tt_join_all(const tt_text *parts, size_t count);

// A measurement with at most three decimals: 412.5, 0.667, -3; 1.2e19 beyond 9e15, nan, inf.
tt_text tt_figure(double value);

// A whole number.
tt_text tt_whole(int64_t value);

// The count of replicas for a wish in fractions of replicas: rounded up, after a billionth part is forgiven, since 1.1 / 0.1
// is 11.000000000000002; at least 0, at most 2^32 - 1; 0 for not-a-number.
uint32_t tt_replicas(double wish);
