// The facts of one moment: readings by name, honest about what is stale or absent. What is not known is never a zero.
#pragma once

#include "answer.h"
#include "text.h"

typedef trimtab_policy_types_instance_t tt_instance;

// All that a policy knows. There is no other clock, no file and no network.
typedef struct {
  // The record that crossed: target, limits, in_flight, instances, nodes, alerts, changes, transitions, memory.
  const trimtab_policy_types_snapshot_t *wire;
  // What the policy asked for with these parameters.
  tt_needs needs;
} tt_snapshot;

// The count last asked of the backend: the base for any new count.
static inline uint32_t tt_desired(const tt_snapshot *snapshot) { return snapshot->wire->target.desired; }

// A label that a need asked for; `false` where the target lacks it.
bool tt_label(const tt_snapshot *snapshot, tt_text name, tt_text *value);

// Seconds east of UTC in a zone that a need asked for; `false` where that is not known at that time.
bool tt_offset_seconds(const tt_snapshot *snapshot, tt_text zone, uint64_t at_ms, int32_t *seconds);

// --------------------------------------------------------------------------------------------------------------- readings

typedef enum {
  TT_FRESH = 0,
  TT_STALE = 1,   // Known once, too old to act on.
  TT_ABSENT = 2,  // Not known.
} tt_freshness;

// `fresh`, `stale` or `absent`.
tt_text tt_word(tt_freshness freshness);

// Samples of one series, oldest first, each with its time in milliseconds since the Unix epoch.
typedef struct {
  const uint64_t *times_ms;
  const double *values;
  size_t len;
} tt_samples;

// What is known of a reading. Absent ones have no samples; tt_fresh is the way to those that may be acted on.
typedef struct {
  tt_freshness freshness;
  tt_samples known;
} tt_fact;

// One reading of the binding, whosever it is.
typedef struct {
  const tt_snapshot *snapshot;
  tt_text name;
  size_t first, end;  // Its rows.
} tt_reading;

// The reading of that name that a need asked for; of none, everything is absent.
tt_reading tt_find(const tt_snapshot *snapshot, tt_text name);
// The same, where needs ask for one name of several subjects.
tt_reading tt_find_of(const tt_snapshot *snapshot, const char *subject, tt_text name);

// The target's own; of another subject's, that of its first owner.
tt_fact tt_read(tt_reading reading);
// That of the instance or node at an index of wire->instances or wire->nodes.
tt_fact tt_read_at(tt_reading reading, size_t index);
// That of a container, pool, balancer or queue.
tt_fact tt_read_named(tt_reading reading, tt_text owner);
// The latest text of the target's own reading of texts; a state to compare. `false` unless it is fresh.
bool tt_fresh_text(tt_reading reading, tt_text *text);

// Whether it may be acted on, and what it is.
__attribute__((warn_unused_result)) static inline bool tt_fresh(tt_fact fact, tt_samples *samples) {
  *samples = fact.known;
  return fact.freshness == TT_FRESH;
}

// The target's own, where the policy cannot answer without it: else refuses as `reading-missing`, for
// `if (!tt_fresh_or_refuse(…)) return false;`.
__attribute__((warn_unused_result)) bool tt_fresh_or_refuse(tt_reading reading, tt_samples *samples, tt_refusal *refusal);

// ---------------------------------------------------------------------------------------------------------------- samples
// Of none there is no latest and no mean: asking for them stops the policy.

double tt_latest(tt_samples samples);
double tt_mean(tt_samples samples);
double tt_least(tt_samples samples);
double tt_greatest(tt_samples samples);
// Those taken at that time or later; there may be none.
tt_samples tt_since(tt_samples samples, uint64_t from_ms);
// For a counter: growth per second; a fall is its restart from zero. `false` unless the samples span some time.
bool tt_rate(tt_samples samples, double *per_second);
