#include "answer.h"

#include <string.h>

static tt_need *need(tt_needs *needs, const char *kind, tt_text name) {
  needs->ptr = tt_grown(needs->ptr, needs->len, sizeof *needs->ptr);
  tt_need *added = &needs->ptr[needs->len++];
  added->kind = tt(kind);
  added->name = name;
  return added;
}

tt_need *tt_need_reading(tt_needs *needs, tt_text name, const char *subject) {
  tt_need *added = need(needs, "reading", name);
  added->subject = tt(subject);
  return added;
}

tt_need *tt_need_label(tt_needs *needs, tt_text name) { return need(needs, "label", name); }
tt_need *tt_need_instances(tt_needs *needs) { return need(needs, "instances", tt("")); }
tt_need *tt_need_nodes(tt_needs *needs) { return need(needs, "nodes", tt("")); }
tt_need *tt_need_alerts(tt_needs *needs) { return need(needs, "alerts", tt("")); }

tt_need *tt_need_changes(tt_needs *needs, uint64_t look_back_ms) {
  tt_need *added = need(needs, "changes", tt(""));
  added->look_back_ms = look_back_ms;
  return added;
}

tt_need *tt_need_transitions(tt_needs *needs, tt_text zone, uint64_t ahead_ms) {
  tt_need *added = need(needs, "transitions", zone);
  added->look_back_ms = ahead_ms;
  return added;
}

bool tt_refuse(tt_refusal *refusal, const char *kind, tt_text text) {
  *refusal = (tt_refusal){.kind = tt(kind), .text = text};
  return false;
}

static tt_proposal *propose(tt_answer *answer, const char *kind, tt_text reason) {
  if (reason.len == 0) tt_stop("a proposal gives no reason");
  trimtab_policy_types_list_proposal_t *list = &answer->verdict.val.proposals;
  list->ptr = tt_grown(list->ptr, list->len, sizeof *list->ptr);
  tt_proposal *added = &list->ptr[list->len++];
  added->kind = tt(kind);
  added->reason = reason;
  return added;
}

tt_proposal *tt_scale(tt_answer *answer, uint32_t count, tt_text reason) {
  tt_proposal *added = propose(answer, TT_SCALE, reason);
  added->count = (policy_option_u32_t){true, count};
  return added;
}

tt_proposal *tt_at_least(tt_answer *answer, uint32_t count, tt_text reason) {
  tt_proposal *added = propose(answer, TT_SCALE, reason);
  added->at_least = (policy_option_u32_t){true, count};
  return added;
}

tt_proposal *tt_at_most(tt_answer *answer, uint32_t count, tt_text reason) {
  tt_proposal *added = propose(answer, TT_SCALE, reason);
  added->at_most = (policy_option_u32_t){true, count};
  return added;
}

tt_proposal *tt_hold(tt_answer *answer, tt_text reason) { return propose(answer, TT_HOLD, reason); }
tt_proposal *tt_resize(tt_answer *answer, tt_text reason) { return propose(answer, TT_RESIZE, reason); }

void tt_container(tt_proposal *resize, tt_text container, tt_resources requests, tt_resources limits) {
  trimtab_policy_types_list_container_resources_t *list = &resize->resources;
  list->ptr = tt_grown(list->ptr, list->len, sizeof *list->ptr);
  list->ptr[list->len++] =
      (trimtab_policy_types_container_resources_t){.container = container, .requests = requests, .limits = limits};
}

tt_proposal *tt_act(tt_answer *answer, const char *kind, tt_texts instances, tt_text reason) {
  tt_proposal *added = propose(answer, kind, reason);
  added->instances = instances;
  return added;
}

void tt_note(tt_answer *answer, tt_text text) {
  answer->notes.ptr = tt_grown(answer->notes.ptr, answer->notes.len, sizeof *answer->notes.ptr);
  answer->notes.ptr[answer->notes.len++] = text;
}

void tt_attr(tt_answer *answer, const char *name, tt_text value) {
  answer->attrs.ptr = tt_grown(answer->attrs.ptr, answer->attrs.len, sizeof *answer->attrs.ptr);
  answer->attrs.ptr[answer->attrs.len++] = (trimtab_policy_types_tuple2_string_value_t){
      tt(name), {.tag = TRIMTAB_POLICY_TYPES_VALUE_TEXT, .val = {.text = value}}};
}

void tt_remember(tt_answer *answer, const void *bytes, size_t count) {
  uint8_t *copy = tt_allocate(count, 1);
  if (count > 0) memcpy(copy, bytes, count);
  answer->memory = (policy_option_list_u8_t){true, {copy, count}};
}

void tt_refused(tt_answer *answer, tt_refusal refusal) {
  *answer = (tt_answer){.verdict = {.tag = TRIMTAB_POLICY_TYPES_VERDICT_REFUSED, .val = {.refused = refusal}}};
}
