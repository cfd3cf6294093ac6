// The layer by itself: what the example does not come by. `cargo xtask languages` compiles it with the example's copy of the layer.
#include <stdio.h>
#include <string.h>

#include "trimtab/rehearsal.h"

// ---------------------------------------------------------------------------------------- a policy that uses all there is

#define PARAMETERS(standard, optional, required)                                           \
  required(text, queue, "The queue.")                                                      \
  standard(flag, eager, true, "Whether it is.")                                            \
  standard(whole, step, -3, "By how many.", .min = tt_bound(-5), .max = tt_bound(5))       \
  standard(duration_ms, span, 90000, "How long.")                                          \
  standard(texts, zones, TT_TEXTS(tt("a"), tt("b")), "Which.")                             \
  optional(nums, weights, "How much.")                                                     \
  optional(json, more, "Whatever.", .schema = tt("{}"))
TT_PARAMETERS(PARAMETERS);

static bool needs(const struct parameters *parameters, tt_needs *needs, tt_refusal *refusal) {
  if (parameters->queue.len == 0) return tt_refuse(refusal, TT_PARAMETER_WRONG, tt("`queue` is empty"));
  tt_need_reading(needs, tt("depth"), TT_TARGET)->look_back_ms = parameters->span;
  tt_need_label(needs, tt("tier"));
  tt_need_instances(needs);
  tt_need_changes(needs, 60000);
  tt_need_transitions(needs, tt("Europe/Vienna"), 3600000);
  return true;
}

static bool evaluate(const tt_snapshot *snapshot, const struct parameters *parameters, tt_answer *answer,
                     tt_refusal *refusal) {
  tt_text tier = {0};
  if (!tt_label(snapshot, tt("tier"), &tier)) return tt_refuse(refusal, TT_NOT_APPLICABLE, tt("it has no tier"));
  tt_samples samples;
  double rate;
  if (!tt_fresh(tt_read(tt_find(snapshot, tt("depth"))), &samples) || !tt_rate(samples, &rate)) {
    tt_hold(answer, tt("nothing is known of it"));
    return true;
  }
  uint8_t calls = snapshot->wire->memory.len == 1 ? snapshot->wire->memory.ptr[0] : 0;
  calls++;
  tt_remember(answer, &calls, 1);
  tt_attr(answer, "tier", tier);
  tt_note(answer, tt_join(tt("call "), tt_whole(calls), tt(", step "), tt_whole(parameters->step)));
  tt_at_least(answer, 2, tt_join(tt("rate "), tt_figure(rate)))->group = 1;
  tt_at_most(answer, 9, tt("no more than that"))->group = 1;
  tt_container(tt_resize(answer, tt("more memory")), tt("main"), (tt_resources){.memory_bytes = tt_amount(1024)},
               (tt_resources){0});
  tt_act(answer, TT_RESTART, TT_TEXTS(snapshot->wire->instances.ptr[0].id), tt("it is the first"));
  return true;
}

TT_EXPORT(needs, evaluate, .name = "layer", .version = "1.2.3", .summary = "All there is",
          .kinds = {TT_SCALE, TT_RESIZE, TT_RESTART}, .memory_bytes = 1, .memory_format = 4);

// ------------------------------------------------------------------------------------------------------------------ texts

static bool reads(tt_text text, const char *words) { return tt_same(text, tt(words)); }

static void numbers_are_shown_as_in_rust(void) {
  const double figures[] = {0, 4, -4, 0.1, 0.25, 1.0 / 3, 0.9999, -0.0001, 1234567.891, 0.05, 1e300, 1.5e16};
  const char *shown[] = {"0", "4", "-4", "0.1", "0.25", "0.333", "1", "0", "1234567.891", "0.05", "1.0e300", "1.5e16"};
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) TT_CHECK(reads(tt_figure(figures[i]), shown[i]));
  TT_CHECK(reads(tt_figure(__builtin_nan("")), "nan") && reads(tt_figure(-__builtin_inf()), "-inf"));
  TT_CHECK(reads(tt_whole(INT64_MIN), "-9223372036854775808") && reads(tt_whole(0), "0"));
}

static void counts_round_up_and_never_wrap(void) {
  const double wishes[] = {4, 4.001, 0.7 / 0.1, 0, 0.01, 1e300, -1e300};
  const uint32_t counts[] = {4, 5, 7, 0, 1, UINT32_MAX, 0};
  for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) TT_CHECK(tt_replicas(wishes[i]) == counts[i]);
  TT_CHECK(tt_replicas(__builtin_nan("")) == 0 && tt_replicas(__builtin_inf()) == UINT32_MAX);
}

static void lists_grow(void) {
  tt_needs list = {0};
  for (int64_t i = 0; i < 100; i++) tt_need_label(&list, tt_whole(i));
  TT_CHECK(list.len == 100 && reads(list.ptr[0].name, "0") && reads(list.ptr[99].name, "99"));
}

static void samples_are_summed_up(void) {
  uint64_t times_ms[] = {1000, 2000, 3000, 5000};
  double values[] = {10, 30, 5, 25}, rate;
  tt_samples samples = {times_ms, values, 4};
  TT_CHECK(tt_latest(samples) == 25 && tt_mean(samples) == 17.5);
  TT_CHECK(tt_least(samples) == 5 && tt_greatest(samples) == 30);
  // Up by 20, a restart from zero to 5, up by 20, in four seconds.
  TT_CHECK(tt_rate(samples, &rate) && rate == 11.25);
  TT_CHECK(tt_since(samples, 3000).len == 2 && tt_since(samples, 5001).len == 0);
  TT_CHECK(!tt_rate(tt_since(samples, 5000), &rate));
}

// --------------------------------------------------------------------------------------------------------------- readings

static void rows_of_texts_and_of_named_owners_are_found(void) {
  trimtab_policy_types_need_t need = {.kind = tt("reading"), .name = tt("state"), .subject = tt(TT_QUEUE)};
  uint32_t rows[] = {0, 0, 0}, owners[] = {UINT32_MAX, UINT32_MAX, UINT32_MAX}, firsts[] = {0, 0, 9}, counts[] = {2, 1, 3};
  uint8_t freshness[] = {16, 1, 0};
  uint64_t times_ms[] = {1, 2};
  double values[] = {7};
  tt_text texts[] = {tt("red"), tt("green")};
  policy_tuple2_u32_string_t names[] = {{1, tt("mails")}, {2, tt("beyond")}};
  trimtab_policy_types_snapshot_t wire = {.readings = {.needs = {rows, 3},
                                                       .owners = {owners, 3},
                                                       .freshness = {freshness, 3},
                                                       .firsts = {firsts, 3},
                                                       .counts = {counts, 3},
                                                       .times_ms = {times_ms, 1},
                                                       .values = {values, 1},
                                                       .text_times_ms = {times_ms, 2},
                                                       .texts = {texts, 2},
                                                       .owner_names = {names, 2}}};
  tt_snapshot snapshot = {&wire, {&need, 1}};
  tt_reading reading = tt_find_of(&snapshot, TT_QUEUE, tt("state"));
  tt_text text;
  TT_CHECK(tt_fresh_text(reading, &text) && reads(text, "green"));
  // A row of texts has no numbers.
  TT_CHECK(tt_read(reading).freshness == TT_ABSENT);
  tt_fact fact = tt_read_named(reading, tt("mails"));
  tt_samples samples;
  TT_CHECK(fact.freshness == TT_STALE && tt_latest(fact.known) == 7 && !tt_fresh(fact, &samples));
  // What lies beyond the columns, or is not asked for, is absent.
  TT_CHECK(tt_read_named(reading, tt("beyond")).freshness == TT_ABSENT);
  TT_CHECK(tt_read_named(reading, tt("nobody")).freshness == TT_ABSENT);
  TT_CHECK(tt_read(tt_find(&snapshot, tt("other"))).freshness == TT_ABSENT);
  TT_CHECK(tt_read(tt_find_of(&snapshot, TT_POOL, tt("state"))).freshness == TT_ABSENT);
}

static void a_zone_has_the_offset_of_its_time(void) {
  uint64_t at_ms[] = {100, 200};
  int32_t offsets[] = {3600, 7200}, seconds;
  trimtab_policy_types_zone_transitions_t zone = {.zone = tt("Europe/Vienna"), .at_ms = {at_ms, 2}, .offsets_seconds = {offsets, 2}};
  trimtab_policy_types_snapshot_t wire = {.transitions = {&zone, 1}};
  tt_snapshot snapshot = {.wire = &wire};
  TT_CHECK(tt_offset_seconds(&snapshot, tt("Europe/Vienna"), 199, &seconds) && seconds == 3600);
  TT_CHECK(tt_offset_seconds(&snapshot, tt("Europe/Vienna"), 200, &seconds) && seconds == 7200);
  TT_CHECK(!tt_offset_seconds(&snapshot, tt("Europe/Vienna"), 99, &seconds));
  TT_CHECK(!tt_offset_seconds(&snapshot, tt("Asia/Tokyo"), 199, &seconds));
}

// ----------------------------------------------------------------------------------------------------------------- policy

static void parameters_are_declared_as_they_are_written(void) {
  exports_trimtab_policy_decide_manifest_t manifest;
  exports_trimtab_policy_decide_describe(&manifest);
  const char *kinds[] = {"text", "bool", "s64", "duration", "list<text>", "list<f64>", "json"};
  TT_CHECK(manifest.parameters.len == 7 && manifest.memory_bytes == 1 && manifest.memory_format == 4);
  for (size_t i = 0; i < 7; i++) TT_CHECK(reads(manifest.parameters.ptr[i].kind, kinds[i]));
  TT_CHECK(manifest.parameters.ptr[0].required && !manifest.parameters.ptr[1].required && !manifest.parameters.ptr[5].required);
  TT_CHECK(manifest.parameters.ptr[2].default_.val.int_ == -3 && manifest.parameters.ptr[2].min.val == -5);
  TT_CHECK(reads(manifest.parameters.ptr[4].default_.val.texts.ptr[1], "b"));
  TT_CHECK(manifest.kinds.len == 3 && reads(manifest.kinds.ptr[2], "restart"));
}

static void values_of_another_type_or_number_are_refused(void) {
  tt_value values[] = {tt_value_whole(1)};
  exports_trimtab_policy_decide_list_param_value_t list = {values, 1};
  exports_trimtab_policy_decide_list_need_t wanted;
  tt_refusal refusal;
  TT_CHECK(!exports_trimtab_policy_decide_needs(&list, &wanted, &refusal));
  TT_CHECK(reads(refusal.kind, "parameter-wrong") && reads(refusal.text, "`queue` is not of type text"));
  list.len = 0;
  TT_CHECK(!exports_trimtab_policy_decide_needs(&list, &wanted, &refusal));
}

static void all_kinds_of_proposal_cross_and_memory_is_carried_over(void) {
  tt_rehearsal bench = {0};
  tt_set_text(&bench, "queue", "mails");
  tt_scene scene = tt_replicas_at_work(2);
  TT_GIVE(&scene, "depth", 0, 30);
  tt_play(&bench, &scene);
  TT_REFUSES(&bench, TT_NOT_APPLICABLE);
  policy_tuple2_string_string_t label = {tt("tier"), tt("gold")};
  scene.wire.target.labels.ptr = &label;
  scene.wire.target.labels.len = 1;
  tt_play(&bench, &scene);
  TT_SAYS(&bench, "call 1, step -3");
  tt_play(&bench, &scene);
  TT_SAYS(&bench, "call 2, step -3");
  TT_SAYS(&bench, "rate 2");
  const trimtab_policy_types_list_proposal_t *list = &bench.answer.verdict.val.proposals;
  TT_CHECK(list->len == 4 && list->ptr[0].at_least.val == 2 && list->ptr[0].group == 1 && list->ptr[1].at_most.val == 9);
  TT_CHECK(list->ptr[2].resources.ptr[0].requests.memory_bytes.val == 1024);
  TT_CHECK(!list->ptr[2].resources.ptr[0].requests.cpu_millis.is_some);
  TT_CHECK(reads(list->ptr[3].instances.ptr[0], "i-0"));
  TT_CHECK(reads(bench.answer.attrs.ptr[0].f1.val.text, "gold"));
}

int main(void) {
  numbers_are_shown_as_in_rust();
  counts_round_up_and_never_wrap();
  lists_grow();
  samples_are_summed_up();
  rows_of_texts_and_of_named_owners_are_found();
  a_zone_has_the_offset_of_its_time();
  parameters_are_declared_as_they_are_written();
  values_of_another_type_or_number_are_refused();
  all_kinds_of_proposal_cross_and_memory_is_carried_over();
  puts("the layer holds");
}
