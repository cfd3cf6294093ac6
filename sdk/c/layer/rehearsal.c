#include "rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t NO_INDEX = UINT32_MAX;

_Noreturn void tt_stop(const char *why) {
  fprintf(stderr, "the policy stops: %s\n", why);
  exit(1);
}

_Noreturn static void refuse_setting(const char *name, const char *why) {
  fprintf(stderr, "the host would refuse the parameter `%s`: %s\n", name, why);
  exit(1);
}

// ---------------------------------------------------------------------------------------------------------- parameters

void tt_set(tt_rehearsal *bench, const char *name, tt_value value) {
  for (size_t i = 0; i < bench->settings_len; i++) {
    if (strcmp(bench->settings[i].name, name) != 0) continue;
    bench->settings[i].value = value;
    return;
  }
  bench->settings = tt_grown(bench->settings, bench->settings_len, sizeof *bench->settings);
  bench->settings[bench->settings_len++] = (tt_setting){name, value};
}

static void check_range(const char *name, const trimtab_policy_types_parameter_t *parameter, double number) {
  if (parameter->min.is_some && number < parameter->min.val) refuse_setting(name, "it is below its least");
  if (parameter->max.is_some && number > parameter->max.val) refuse_setting(name, "it is above its greatest");
}

static void check(const char *name, const trimtab_policy_types_parameter_t *parameter, tt_value value) {
  const char *kinds[] = {"", "bool", "s64", "f64", "text", "duration", "list<bool>", "list<s64>", "list<f64>", "list<text>",
                         "list<duration>", "json"};
  if (!tt_same(parameter->kind, tt(kinds[value.tag]))) refuse_setting(name, "it is of another type");
  switch (value.tag) {
    case TRIMTAB_POLICY_TYPES_PARAM_VALUE_INT: check_range(name, parameter, (double)value.val.int_); break;
    case TRIMTAB_POLICY_TYPES_PARAM_VALUE_NUM: check_range(name, parameter, value.val.num); break;
    case TRIMTAB_POLICY_TYPES_PARAM_VALUE_DURATION_MS: check_range(name, parameter, (double)value.val.duration_ms); break;
    case TRIMTAB_POLICY_TYPES_PARAM_VALUE_TEXT: {
      bool chosen = parameter->choices.len == 0;
      for (size_t i = 0; i < parameter->choices.len; i++) chosen |= tt_same(parameter->choices.ptr[i], value.val.text);
      if (!chosen) refuse_setting(name, "it is not among the choices");
      break;
    }
    default: break;
  }
}

// One value for each parameter of the manifest, in its order.
static trimtab_policy_types_list_param_value_t values(const tt_rehearsal *bench,
                                                      const exports_trimtab_policy_decide_manifest_t *manifest) {
  size_t count = manifest->parameters.len, used = 0;
  tt_value *list = tt_allocate(count, sizeof *list);
  for (size_t i = 0; i < count; i++) {
    const trimtab_policy_types_parameter_t *parameter = &manifest->parameters.ptr[i];
    const tt_setting *given = NULL;
    for (size_t j = 0; j < bench->settings_len; j++) {
      if (tt_same(parameter->name, tt(bench->settings[j].name))) given = &bench->settings[j];
    }
    if (given) {
      check(given->name, parameter, given->value);
      used++;
    } else if (parameter->required) {
      refuse_setting((const char *)parameter->name.ptr, "it is required and not given");
    }
    list[i] = given ? given->value : parameter->default_;
  }
  if (used != bench->settings_len) refuse_setting("…", "a name is given that the manifest does not have");
  return (trimtab_policy_types_list_param_value_t){list, count};
}

// --------------------------------------------------------------------------------------------------------------- scenes

tt_scene tt_replicas_at_work(uint32_t count) {
  tt_scene scene = {.wire = {.now_ms = TT_NOON_MS,
                             .target = {.id = tt("rehearsal/web"),
                                        .backend = tt("rehearsal"),
                                        .kind = tt("process-group"),
                                        .desired = count,
                                        .total = count,
                                        .ready = count,
                                        .abilities = {.victims = 2, .resize = 1},
                                        .limits = {.replicas_max = 1000}}}};
  scene.wire.target.abilities.kinds = TT_TEXTS(tt(TT_SCALE), tt(TT_RESIZE), tt(TT_RESTART), tt(TT_REPLACE), tt(TT_REMOVE),
                                               tt(TT_START), tt(TT_REDEPLOY));
  tt_instance *instances = tt_allocate(count, sizeof *instances);
  for (uint32_t i = 0; i < count; i++) {
    tt_text id = tt_join(tt("i-"), tt_whole(i));
    instances[i] = (tt_instance){.id = id, .name = id, .phase = 3};
  }
  scene.wire.instances.ptr = instances;
  scene.wire.instances.len = count;
  return scene;
}

void tt_give(tt_scene *scene, tt_given given) {
  double *copy = tt_allocate(given.len, sizeof *copy);
  memcpy(copy, given.values, given.len * sizeof *copy);
  given.values = copy;
  scene->given = tt_grown(scene->given, scene->given_len, sizeof *scene->given);
  scene->given[scene->given_len++] = given;
}

// Adds a row, with the samples within the look-back, and the latest in any case.
static void row(const tt_scene *scene, trimtab_policy_types_readings_t *columns, size_t index, const tt_need *need,
                size_t instance) {
  const tt_given *found = NULL;
  for (size_t i = 0; i < scene->given_len; i++) {
    const tt_given *given = &scene->given[i];
    if (given->instance == instance && tt_same(need->name, tt(given->name)) && given->len > 0) found = given;
  }
  size_t had = columns->values.len, back = need->look_back_ms / TT_STEP_MS + 1;
  size_t count = !found ? 0 : found->len < back ? found->len : back;
#define ADD(column, item)                                                                       \
  columns->column.ptr = tt_grown(columns->column.ptr, columns->column.len, sizeof *columns->column.ptr); \
  columns->column.ptr[columns->column.len++] = item
  ADD(needs, (uint32_t)index);
  ADD(owners, instance == TT_NOBODYS ? NO_INDEX : (uint32_t)instance);
  ADD(freshness, (uint8_t)(!found ? TT_ABSENT : found->fresh ? TT_FRESH : TT_STALE));
  ADD(firsts, (uint32_t)had);
  ADD(counts, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    ADD(times_ms, scene->wire.now_ms - (count - 1 - i) * TT_STEP_MS);
    ADD(values, found->values[found->len - count + i]);
  }
#undef ADD
}

static bool asks(const exports_trimtab_policy_decide_list_need_t *needs, const char *kind, const char *subject) {
  for (size_t i = 0; i < needs->len; i++) {
    const tt_need *need = &needs->ptr[i];
    if (tt_same(need->kind, tt(kind)) && (!subject || tt_same(need->subject, tt(subject)))) return true;
  }
  return false;
}

// What a policy with these needs sees of it.
static trimtab_policy_types_snapshot_t project(const tt_scene *scene, const exports_trimtab_policy_decide_list_need_t *needs) {
  trimtab_policy_types_snapshot_t wire = scene->wire;
  for (size_t i = 0; i < needs->len; i++) {
    const tt_need *need = &needs->ptr[i];
    if (!tt_same(need->kind, tt("reading"))) continue;
    if (tt_same(need->subject, tt(TT_TARGET))) row(scene, &wire.readings, i, need, TT_NOBODYS);
    if (!tt_same(need->subject, tt(TT_INSTANCE))) continue;
    for (size_t one = 0; one < wire.instances.len; one++) row(scene, &wire.readings, i, need, one);
  }
  if (!asks(needs, "instances", NULL) && !asks(needs, "reading", TT_INSTANCE)) wire.instances.len = 0;
  if (!asks(needs, "nodes", NULL) && !asks(needs, "reading", TT_NODE)) wire.nodes.len = 0;
  if (!asks(needs, "label", NULL)) wire.target.labels.len = 0;
  if (!asks(needs, "alerts", NULL)) wire.alerts.len = 0;
  if (!asks(needs, "changes", NULL)) wire.changes.len = 0;
  if (!asks(needs, "transitions", NULL)) wire.transitions.len = 0;
  return wire;
}

// --------------------------------------------------------------------------------------------------------------- playing

static void check_answer(const tt_answer *answer, const exports_trimtab_policy_decide_manifest_t *manifest) {
  if (answer->memory.is_some && answer->memory.val.len > manifest->memory_bytes) {
    tt_stop("it remembers more bytes than its manifest allows");
  }
  if (answer->verdict.tag != TRIMTAB_POLICY_TYPES_VERDICT_PROPOSALS) return;
  for (size_t i = 0; i < answer->verdict.val.proposals.len; i++) {
    tt_text kind = answer->verdict.val.proposals.ptr[i].kind;
    bool declared = tt_same(kind, tt(TT_HOLD));
    for (size_t j = 0; j < manifest->kinds.len; j++) declared |= tt_same(kind, manifest->kinds.ptr[j]);
    if (!declared) tt_stop("it proposes a kind that its manifest does not declare");
  }
}

void tt_play(tt_rehearsal *bench, tt_scene *scene) {
  exports_trimtab_policy_decide_manifest_t manifest;
  exports_trimtab_policy_decide_describe(&manifest);
  trimtab_policy_types_list_param_value_t given = values(bench, &manifest);
  exports_trimtab_policy_decide_list_param_value_t params = {given.ptr, given.len};
  exports_trimtab_policy_decide_list_need_t needs = {0};
  tt_refusal refusal = {0};
  if (!exports_trimtab_policy_decide_needs(&params, &needs, &refusal)) {
    tt_refused(&bench->answer, refusal);
    return;
  }
  trimtab_policy_types_snapshot_t snapshot = project(scene, &needs);
  snapshot.params = given;
  snapshot.memory = bench->memory;
  exports_trimtab_policy_decide_evaluate(&snapshot, &bench->answer);
  check_answer(&bench->answer, &manifest);
  if (bench->answer.memory.is_some) bench->memory = bench->answer.memory.val;
}

static const tt_proposal *only(const tt_rehearsal *bench) {
  const trimtab_policy_types_verdict_t *verdict = &bench->answer.verdict;
  bool one = verdict->tag == TRIMTAB_POLICY_TYPES_VERDICT_PROPOSALS && verdict->val.proposals.len == 1;
  return one ? &verdict->val.proposals.ptr[0] : NULL;
}

bool tt_scales_to(const tt_rehearsal *bench, uint32_t count) {
  const tt_proposal *proposal = only(bench);
  return proposal && tt_same(proposal->kind, tt(TT_SCALE)) && proposal->count.is_some && proposal->count.val == count;
}

bool tt_holds(const tt_rehearsal *bench) {
  const tt_proposal *proposal = only(bench);
  return proposal && tt_same(proposal->kind, tt(TT_HOLD));
}

bool tt_refuses(const tt_rehearsal *bench, const char *kind) {
  const trimtab_policy_types_verdict_t *verdict = &bench->answer.verdict;
  return verdict->tag == TRIMTAB_POLICY_TYPES_VERDICT_REFUSED && tt_same(verdict->val.refused.kind, tt(kind));
}

static bool contains(tt_text text, tt_text words) {
  for (size_t from = 0; from + words.len <= text.len; from++) {
    if (tt_same((tt_text){text.ptr + from, words.len}, words)) return true;
  }
  return false;
}

bool tt_says(const tt_rehearsal *bench, const char *words) {
  const tt_answer *answer = &bench->answer;
  bool found = false;
  for (size_t i = 0; i < answer->notes.len; i++) found |= contains(answer->notes.ptr[i], tt(words));
  if (answer->verdict.tag == TRIMTAB_POLICY_TYPES_VERDICT_REFUSED) {
    return found || contains(answer->verdict.val.refused.text, tt(words));
  }
  const trimtab_policy_types_list_proposal_t *proposals = &answer->verdict.val.proposals;
  for (size_t i = 0; i < proposals->len; i++) found |= contains(proposals->ptr[i].reason, tt(words));
  return found;
}

static void tell(const tt_rehearsal *bench) {
  const trimtab_policy_types_verdict_t *verdict = &bench->answer.verdict;
  if (verdict->tag == TRIMTAB_POLICY_TYPES_VERDICT_REFUSED) {
    tt_text kind = verdict->val.refused.kind, text = verdict->val.refused.text;
    fprintf(stderr, "  it refused: %.*s, %.*s\n", (int)kind.len, (char *)kind.ptr, (int)text.len, (char *)text.ptr);
    return;
  }
  for (size_t i = 0; i < verdict->val.proposals.len; i++) {
    const tt_proposal *one = &verdict->val.proposals.ptr[i];
    fprintf(stderr, "  it proposed: %.*s %lld, %.*s\n", (int)one->kind.len, (char *)one->kind.ptr,
            one->count.is_some ? (long long)one->count.val : -1, (int)one->reason.len, (char *)one->reason.ptr);
  }
}

void tt_expect(bool holds, const tt_rehearsal *bench, const char *file, int line, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
  if (bench) tell(bench);
  exit(1);
}
