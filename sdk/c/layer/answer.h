// What a policy says: which facts it wants, what it proposes and why, or why it declines.
#pragma once

#include "text.h"

// ------------------------------------------------------------------------------------------------------------------ needs

// Facts that a policy wants. What is not asked for does not cross.
typedef exports_trimtab_policy_decide_list_need_t tt_needs;
typedef trimtab_policy_types_need_t tt_need;

// Whose a reading is.
#define TT_TARGET "target"
#define TT_INSTANCE "instance"
#define TT_NODE "node"
#define TT_CONTAINER "container"
#define TT_POOL "pool"
#define TT_BALANCER "balancer"
#define TT_QUEUE "queue"

// A reading of that name in the binding. The need may be refined: ->look_back_ms (0: the latest sample only), ->step_ms,
// ->unit, ->required.
tt_need *tt_need_reading(tt_needs *needs, tt_text name, const char *subject);
tt_need *tt_need_label(tt_needs *needs, tt_text name);
tt_need *tt_need_instances(tt_needs *needs);
tt_need *tt_need_nodes(tt_needs *needs);
tt_need *tt_need_alerts(tt_needs *needs);
tt_need *tt_need_changes(tt_needs *needs, uint64_t look_back_ms);
// The offsets of an IANA time zone, so far ahead.
tt_need *tt_need_transitions(tt_needs *needs, tt_text zone, uint64_t ahead_ms);

// --------------------------------------------------------------------------------------------------------------- refusals

typedef trimtab_policy_types_refusal_t tt_refusal;

#define TT_READING_MISSING "reading-missing"
#define TT_PARAMETER_WRONG "parameter-wrong"
#define TT_NOT_APPLICABLE "not-applicable"

// `false`, for `return`. The text is one sentence for a person, with the names and numbers concerned.
bool tt_refuse(tt_refusal *refusal, const char *kind, tt_text text);

// -------------------------------------------------------------------------------------------------------------- proposals

// Proposals, notes and memory. One without proposals abstains.
typedef trimtab_policy_types_answer_t tt_answer;
typedef trimtab_policy_types_proposal_t tt_proposal;
typedef trimtab_policy_types_resources_t tt_resources;

enum { TT_KINDS_MAX = 12 };
#define TT_SCALE "scale"
#define TT_RESIZE "resize"
#define TT_RESTART "restart"
#define TT_REPLACE "replace"
#define TT_REMOVE "remove"
#define TT_START "start"
#define TT_REDEPLOY "redeploy"
#define TT_HOLD "hold"

// Each takes its reason, one sentence with the numbers that led to it. What comes back may be refined until the next one is
// added: ->at_least, ->instances (which to remove first), ->size_class, ->placement, ->group, ->attrs.
tt_proposal *tt_scale(tt_answer *answer, uint32_t count, tt_text reason);
tt_proposal *tt_at_least(tt_answer *answer, uint32_t count, tt_text reason);
tt_proposal *tt_at_most(tt_answer *answer, uint32_t count, tt_text reason);
// Votes for the present state.
tt_proposal *tt_hold(tt_answer *answer, tt_text reason);
// For each container tt_container; or ->size_class.
tt_proposal *tt_resize(tt_answer *answer, tt_text reason);
void tt_container(tt_proposal *resize, tt_text container, tt_resources requests, tt_resources limits);
// TT_RESTART, TT_REPLACE, TT_REMOVE, TT_START or TT_REDEPLOY of the instances with these ids, the preferred first.
tt_proposal *tt_act(tt_answer *answer, const char *kind, tt_texts instances, tt_text reason);

// A figure that is known, for tt_resources; what is left out stays as it is.
static inline policy_option_u64_t tt_amount(uint64_t amount) { return (policy_option_u64_t){true, amount}; }

// A sentence for whoever reads the record.
void tt_note(tt_answer *answer, tt_text text);
// A named text for whoever reads the record.
void tt_attr(tt_answer *answer, const char *name, tt_text value);
// Memory for the next evaluation, where the snapshot shows it as `wire->memory`; without it the present one is kept.
void tt_remember(tt_answer *answer, const void *bytes, size_t count);

// For TT_EXPORT: makes a refusal of the whole answer.
void tt_refused(tt_answer *answer, tt_refusal refusal);
