// Keeps one replica for every `target` of a reading. The other guests do the same, in the same words.
#include "policy.h"
#include <arena.h>
#include <stdlib.h>
#include <string.h>

typedef policy_string_t text_t;
typedef trimtab_policy_types_parameter_t parameter_t;
typedef trimtab_policy_types_refusal_t refusal_t;
typedef exports_trimtab_policy_decide_list_param_value_t params_t;
typedef exports_trimtab_policy_decide_answer_t answer_t;

enum { READING = 0, TARGET = 1, FRESH = 0 };

// A text that lies in the program's data.
static text_t text(const char *chars) { return (text_t){(uint8_t *)chars, strlen(chars)}; }

static void *zeroed(size_t count, size_t bytes) {
  void *block = calloc(count, bytes);
  if (!block) abort();
  return block;
}

// ----------------------------------------------------------------------------------------------------------- sentences

// A text being written, with room for what was promised to `begin`.
static text_t begin(size_t bytes) { return (text_t){zeroed(1, bytes), 0}; }

static void put(text_t *to, text_t more) {
  memcpy(to->ptr + to->len, more.ptr, more.len);
  to->len += more.len;
}

static void put_whole(text_t *to, uint64_t number) {
  if (number >= 10) put_whole(to, number / 10);
  to->ptr[to->len++] = (uint8_t)('0' + number % 10);
}

// Two decimals; what does not fit 64 bits is cut off.
static void put_number(text_t *to, double number) {
  uint64_t hundredths = (uint64_t)__builtin_floor(number * 100.0 + 0.5);
  put_whole(to, hundredths / 100);
  put(to, text("."));
  put_whole(to, hundredths / 10 % 10);
  put_whole(to, hundredths % 10);
}

// -------------------------------------------------------------------------------------------------------------- policy

// The name of the reading, and three numbers of at most 22 characters.
enum { SENTENCE_BYTES = 160 };

static bool complaint(const params_t *params, refusal_t *refusal) {
  *refusal = (refusal_t){.kind = text("parameter-wrong")};
  if (params->len != 2 || params->ptr[READING].tag != TRIMTAB_POLICY_TYPES_PARAM_VALUE_TEXT ||
      params->ptr[TARGET].tag != TRIMTAB_POLICY_TYPES_PARAM_VALUE_NUM) {
    refusal->text = text("`reading` must be a text and `target` a number");
    return true;
  }
  refusal->text = text("`target` must be above zero");
  return !(params->ptr[TARGET].val.num > 0);
}

static parameter_t parameter(const char *name, const char *kind, const char *doc) {
  return (parameter_t){
      .name = text(name),
      .kind = text(kind),
      .default_.tag = TRIMTAB_POLICY_TYPES_PARAM_VALUE_UNSET,
      .required = true,
      .doc = text(doc),
  };
}

void exports_trimtab_policy_decide_describe(exports_trimtab_policy_decide_manifest_t *manifest) {
  parameter_t *parameters = zeroed(2, sizeof *parameters);
  parameters[READING] = parameter("reading", "text", "The reading of the whole target.");
  parameters[TARGET] = parameter("target", "f64", "How much of it one replica takes.");
  parameters[TARGET].min = (policy_option_f64_t){true, 0.001};
  text_t *kinds = zeroed(1, sizeof *kinds);
  kinds[0] = text("scale");
  *manifest = (exports_trimtab_policy_decide_manifest_t){
      .name = text("guest-c"),
      .version = text("0.1.0"),
      .summary = text("One replica for every target of a reading."),
      .parameters = {parameters, 2},
      .kinds = {kinds, 1},
  };
}

bool exports_trimtab_policy_decide_needs(params_t *params, exports_trimtab_policy_decide_list_need_t *needs,
                                         refusal_t *refusal) {
  if (complaint(params, refusal)) return false;
  needs->ptr = zeroed(1, sizeof *needs->ptr);
  needs->len = 1;
  needs->ptr[0] = (trimtab_policy_types_need_t){
      .kind = text("reading"),
      .name = params->ptr[READING].val.text,
      .subject = text("target"),
      .required = true,
  };
  return true;
}

// The latest sample of the only need, which is the first row; a load below zero counts as zero.
static bool latest(const trimtab_policy_types_readings_t *readings, double *total) {
  if (readings->freshness.len == 0 || readings->freshness.ptr[0] != FRESH || readings->counts.ptr[0] == 0) return false;
  double value = readings->values.ptr[readings->firsts.ptr[0] + readings->counts.ptr[0] - 1];
  *total = value > 0 ? value : 0;
  return true;
}

static void refuse(answer_t *answer, refusal_t refusal) {
  *answer = (answer_t){.verdict = {TRIMTAB_POLICY_TYPES_VERDICT_REFUSED, {.refused = refusal}}};
}

void exports_trimtab_policy_decide_evaluate(exports_trimtab_policy_decide_snapshot_t *snapshot, answer_t *answer) {
  params_t params = {snapshot->params.ptr, snapshot->params.len};
  refusal_t wrong;
  if (complaint(&params, &wrong)) {
    refuse(answer, wrong);
    return;
  }
  text_t name = params.ptr[READING].val.text;
  double target = params.ptr[TARGET].val.num, total;
  text_t sentence = begin(name.len + SENTENCE_BYTES);
  if (!latest(&snapshot->readings, &total)) {
    put(&sentence, text("no fresh reading `"));
    put(&sentence, name);
    put(&sentence, text("`"));
    refuse(answer, (refusal_t){.kind = text("reading-missing"), .text = sentence});
    return;
  }
  // With -mnontrapping-fptoint the cast gives the nearest number that fits.
  uint32_t count = (uint32_t)__builtin_ceil(total / target);
  put(&sentence, text("`"));
  put(&sentence, name);
  put(&sentence, text("` is "));
  put_number(&sentence, total);
  put(&sentence, text(" and one replica takes "));
  put_number(&sentence, target);
  put(&sentence, text(": "));
  put_whole(&sentence, count);
  put(&sentence, text(" replicas"));
  trimtab_policy_types_proposal_t *proposal = zeroed(1, sizeof *proposal);
  proposal->kind = text("scale");
  proposal->count = (policy_option_u32_t){true, count};
  proposal->reason = sentence;
  *answer = (answer_t){.verdict = {TRIMTAB_POLICY_TYPES_VERDICT_PROPOSALS, {.proposals = {proposal, 1}}}};
}

// --------------------------------------------------------------------------------------------------------- after a call

// The bindings' own versions, weak, would free the answer text by text, and those in the program's data too.
#define AFTER(function, symbol)                                                               \
  __attribute__((__export_name__("cabi_post_trimtab:policy/decide@0.1.0#" function))) void    \
      __wasm_export_exports_trimtab_policy_decide_##symbol##_post_return(uint8_t *answer) {   \
    (void)answer;                                                                             \
    arena_reset();                                                                            \
  }
AFTER("describe", describe)
AFTER("needs", needs)
AFTER("evaluate", evaluate)
