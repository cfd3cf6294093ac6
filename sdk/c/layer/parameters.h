/* What the operator sets, declared once: the manifest's list, the struct `parameters`, and the reading of it.

     #define PARAMETERS(standard, optional, required)                                                          \
       standard(num, target, 50, "How much of it one replica should have.", .min = tt_bound(0.001))            \
       optional(whole, floor, "The fewest replicas that it asks for.")                                         \
       required(text, queue, "The queue that jobs wait in.")
     TT_PARAMETERS(PARAMETERS);

   `standard` has a default, `optional` may be left out, `required` refuses a binding without it. A field of an optional one is
   `{bool given; … value;}`. After the doc come fields of the contract's record: .min and .max by tt_bound, .choices by
   TT_TEXTS, .schema by tt.

     kind in C      in the manifest    type of the field
     flag           bool               bool
     whole          s64                int64_t
     num            f64                double
     text           text               tt_text
     duration_ms    duration           uint64_t, milliseconds
     flags, wholes, nums, texts, durations_ms   list<…>   {… *ptr; size_t len;}
     json           json               tt_text */
#pragma once

#include "answer.h"
#include "text.h"

typedef trimtab_policy_types_param_value_t tt_value;

// An end of a range: a number, milliseconds for durations.
static inline policy_option_f64_t tt_bound(double number) { return (policy_option_f64_t){true, number}; }

// Everything that one table says of a kind: its type in C, its name in the manifest, its arm and its tag in the contract.
#define TT_KIND_flag(ask) ask(flag, bool, "bool", flag, FLAG)
#define TT_KIND_whole(ask) ask(whole, int64_t, "s64", int_, INT)
#define TT_KIND_num(ask) ask(num, double, "f64", num, NUM)
#define TT_KIND_text(ask) ask(text, tt_text, "text", text, TEXT)
#define TT_KIND_duration_ms(ask) ask(duration_ms, uint64_t, "duration", duration_ms, DURATION_MS)
#define TT_KIND_flags(ask) ask(flags, policy_list_bool_t, "list<bool>", flags, FLAGS)
#define TT_KIND_wholes(ask) ask(wholes, policy_list_s64_t, "list<s64>", ints, INTS)
#define TT_KIND_nums(ask) ask(nums, policy_list_f64_t, "list<f64>", nums, NUMS)
#define TT_KIND_texts(ask) ask(texts, policy_list_string_t, "list<text>", texts, TEXTS)
#define TT_KIND_durations_ms(ask) ask(durations_ms, policy_list_u64_t, "list<duration>", durations_ms, DURATIONS_MS)
#define TT_KIND_json(ask) ask(json, tt_text, "json", json, JSON)

#define TT_MAKE_KIND(kind, type, word, arm, tag_word)                                          \
  typedef type tt_type_##kind;                                                                 \
  typedef struct {                                                                             \
    bool given;                                                                                \
    type value;                                                                                \
  } tt_optional_##kind;                                                                        \
  static inline const char *tt_word_##kind(void) { return word; }                              \
  static inline tt_value tt_value_##kind(type value) {                                         \
    return (tt_value){.tag = TRIMTAB_POLICY_TYPES_PARAM_VALUE_##tag_word, .val = {.arm = value}}; \
  }                                                                                            \
  static inline bool tt_take_##kind(const tt_value *from, type *value) {                       \
    if (from->tag != TRIMTAB_POLICY_TYPES_PARAM_VALUE_##tag_word) return false;                \
    *value = from->val.arm;                                                                    \
    return true;                                                                               \
  }
TT_KIND_flag(TT_MAKE_KIND)
TT_KIND_whole(TT_MAKE_KIND)
TT_KIND_num(TT_MAKE_KIND)
TT_KIND_text(TT_MAKE_KIND)
TT_KIND_duration_ms(TT_MAKE_KIND)
TT_KIND_flags(TT_MAKE_KIND)
TT_KIND_wholes(TT_MAKE_KIND)
TT_KIND_nums(TT_MAKE_KIND)
TT_KIND_texts(TT_MAKE_KIND)
TT_KIND_durations_ms(TT_MAKE_KIND)
TT_KIND_json(TT_MAKE_KIND)

#define TT_PARAMETERS(list)                                                                              \
  struct parameters {                                                                                    \
    list(TT_PLAIN_FIELD, TT_OPTIONAL_FIELD, TT_REQUIRED_FIELD)                                           \
  };                                                                                                     \
  static void tt_declare_parameters(trimtab_policy_types_list_parameter_t *declared) {                   \
    (void)declared;                                                                                      \
    list(TT_DECLARE_STANDARD, TT_DECLARE_OPTIONAL, TT_DECLARE_REQUIRED)                                  \
  }                                                                                                      \
  static bool tt_take_parameters(const tt_value *values, size_t count, struct parameters *parameters,    \
                                 tt_refusal *refusal) {                                                  \
    size_t next = 0;                                                                                     \
    (void)values, (void)parameters;                                                                      \
    list(TT_TAKE_STANDARD, TT_TAKE_OPTIONAL, TT_TAKE_REQUIRED)                                           \
    return next == count || tt_wrong_count(refusal, next, count);                                        \
  }                                                                                                      \
  _Static_assert(1, "a semicolon follows")

#define TT_PLAIN_FIELD(kind, name, ...) tt_type_##kind name;
#define TT_OPTIONAL_FIELD(kind, name, ...) tt_optional_##kind name;
#define TT_REQUIRED_FIELD TT_PLAIN_FIELD

#define TT_DECLARE_STANDARD(kind_, name_, default_value, doc_, ...)                                      \
  tt_declare(declared, #name_, tt_word_##kind_(), doc_,                                                  \
             (trimtab_policy_types_parameter_t){.default_ = tt_value_##kind_(default_value), __VA_ARGS__});
#define TT_DECLARE_OPTIONAL(kind_, name_, doc_, ...)                                                     \
  tt_declare(declared, #name_, tt_word_##kind_(), doc_,                                                  \
             (trimtab_policy_types_parameter_t){.required = false, __VA_ARGS__});
#define TT_DECLARE_REQUIRED(kind_, name_, doc_, ...)                                                     \
  tt_declare(declared, #name_, tt_word_##kind_(), doc_,                                                  \
             (trimtab_policy_types_parameter_t){.required = true, __VA_ARGS__});
void tt_declare(trimtab_policy_types_list_parameter_t *declared, const char *name, const char *kind, const char *doc,
                trimtab_policy_types_parameter_t rest);

#define TT_TAKE_REQUIRED(kind, name, ...)                                                                \
  if (next >= count || !tt_take_##kind(&values[next], &parameters->name))                                \
    return tt_wrong_type(refusal, #name, tt_word_##kind());                                              \
  next++;
#define TT_TAKE_STANDARD TT_TAKE_REQUIRED
#define TT_TAKE_OPTIONAL(kind, name, ...)                                                                \
  parameters->name.given = next < count && values[next].tag != TRIMTAB_POLICY_TYPES_PARAM_VALUE_UNSET;   \
  if (next >= count || (parameters->name.given && !tt_take_##kind(&values[next], &parameters->name.value))) \
    return tt_wrong_type(refusal, #name, tt_word_##kind());                                              \
  next++;

// `false`, with what is wrong.
bool tt_wrong_type(tt_refusal *refusal, const char *name, const char *kind);
bool tt_wrong_count(tt_refusal *refusal, size_t declared, size_t came);
