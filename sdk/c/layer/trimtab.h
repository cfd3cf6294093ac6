// What a policy in C is written against: parameters declared once, readings that are honest about what is not known, proposals
// with their reasons. The contract itself, with every record of it, is bindings/policy.h, and `snapshot->wire` shows all of it.
#pragma once

#include "answer.h"
#include "parameters.h"
#include "reading.h"
#include "text.h"

// What a policy says of itself; see TT_EXPORT.
typedef struct {
  const char *name;     // Lower-case letters, digits and `-`.
  const char *version;  // Semantic version of the policy.
  const char *summary;  // One sentence.
  const char *kinds[TT_KINDS_MAX];  // Kinds of proposal that it may make; to hold needs no mention.
  uint32_t memory_bytes;            // Most bytes that it keeps from one evaluation to the next; 0 for none.
  uint32_t memory_format;           // Number of the format of these bytes.
} tt_about;

// The three functions of the contract, made of the author's two:
//
//   static bool needs(const struct parameters *parameters, tt_needs *needs, tt_refusal *refusal);
//   static bool evaluate(const tt_snapshot *snapshot, const struct parameters *parameters, tt_answer *answer,
//                        tt_refusal *refusal);
//
// Each says with `false` that it refuses, by `return tt_refuse(refusal, …)`. What was noted in the answer is dropped then.
// After the two come the fields of tt_about: TT_EXPORT(needs, evaluate, .name = "web", .kinds = {TT_SCALE}, …).
// TT_PARAMETERS must stand above.
#define TT_EXPORT(asks, answers, ...)                                                                                       \
  void exports_trimtab_policy_decide_describe(exports_trimtab_policy_decide_manifest_t *manifest) {                         \
    trimtab_policy_types_list_parameter_t declared = {0};                                                                   \
    tt_declare_parameters(&declared);                                                                                       \
    tt_describe(manifest, &(tt_about){__VA_ARGS__}, declared);                                                              \
  }                                                                                                                         \
  bool exports_trimtab_policy_decide_needs(exports_trimtab_policy_decide_list_param_value_t *values,                        \
                                           exports_trimtab_policy_decide_list_need_t *wanted, tt_refusal *refusal) {        \
    struct parameters parameters;                                                                                           \
    tt_needs list = {0};                                                                                                    \
    if (!tt_take_parameters(values->ptr, values->len, &parameters, refusal)) return false;                                  \
    if (!asks(&parameters, &list, refusal)) return false;                                                                   \
    *wanted = (exports_trimtab_policy_decide_list_need_t){list.ptr, list.len};                                              \
    return true;                                                                                                            \
  }                                                                                                                         \
  void exports_trimtab_policy_decide_evaluate(exports_trimtab_policy_decide_snapshot_t *wire, tt_answer *answer) {          \
    struct parameters parameters;                                                                                           \
    tt_snapshot snapshot = {.wire = wire};                                                                                  \
    tt_refusal refusal = {0};                                                                                               \
    *answer = (tt_answer){0};                                                                                               \
    if (!tt_take_parameters(wire->params.ptr, wire->params.len, &parameters, &refusal) ||                                   \
        !asks(&parameters, &snapshot.needs, &refusal) || !answers(&snapshot, &parameters, answer, &refusal)) {              \
      tt_refused(answer, refusal);                                                                                          \
    }                                                                                                                       \
  }                                                                                                                         \
  _Static_assert(1, "a semicolon follows")

void tt_describe(exports_trimtab_policy_decide_manifest_t *manifest, const tt_about *about,
                 trimtab_policy_types_list_parameter_t declared);
