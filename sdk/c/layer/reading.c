#include "reading.h"

#include <string.h>

// Of a row whose samples are texts; the lower bits are a tt_freshness.
enum { OF_TEXTS = 16 };

bool tt_label(const tt_snapshot *snapshot, tt_text name, tt_text *value) {
  const policy_list_tuple2_string_string_t *labels = &snapshot->wire->target.labels;
  for (size_t i = 0; i < labels->len; i++) {
    if (!tt_same(labels->ptr[i].f0, name)) continue;
    *value = labels->ptr[i].f1;
    return true;
  }
  return false;
}

bool tt_offset_seconds(const tt_snapshot *snapshot, tt_text zone, uint64_t at_ms, int32_t *seconds) {
  const trimtab_policy_types_list_zone_transitions_t *zones = &snapshot->wire->transitions;
  for (size_t i = 0; i < zones->len; i++) {
    const trimtab_policy_types_zone_transitions_t *one = &zones->ptr[i];
    if (!tt_same(one->zone, zone)) continue;
    size_t after = 0;
    while (after < one->at_ms.len && one->at_ms.ptr[after] <= at_ms) after++;
    if (after == 0 || after > one->offsets_seconds.len) return false;
    *seconds = one->offsets_seconds.ptr[after - 1];
    return true;
  }
  return false;
}

tt_text tt_word(tt_freshness freshness) {
  return tt(freshness == TT_FRESH ? "fresh" : freshness == TT_STALE ? "stale" : "absent");
}

// ------------------------------------------------------------------------------------------------------------------- rows

// The first row from `from` on whose number in a sorted column is at least `number`.
static size_t first_at_least(const policy_list_u32_t *column, size_t from, size_t end, uint32_t number) {
  while (from < end) {
    size_t middle = from + (end - from) / 2;
    if (column->ptr[middle] < number) {
      from = middle + 1;
    } else {
      end = middle;
    }
  }
  return from;
}

static tt_reading found(const tt_snapshot *snapshot, const char *subject, tt_text name) {
  for (size_t i = 0; i < snapshot->needs.len; i++) {
    const tt_need *need = &snapshot->needs.ptr[i];
    bool meant = subject ? tt_same(need->subject, tt(subject)) : need->subject.len > 0;
    if (!meant || !tt_same(need->name, name)) continue;
    const policy_list_u32_t *column = &snapshot->wire->readings.needs;
    size_t first = first_at_least(column, 0, column->len, (uint32_t)i);
    return (tt_reading){snapshot, name, first, first_at_least(column, first, column->len, (uint32_t)i + 1)};
  }
  return (tt_reading){snapshot, name, 0, 0};
}

tt_reading tt_find(const tt_snapshot *snapshot, tt_text name) { return found(snapshot, NULL, name); }

tt_reading tt_find_of(const tt_snapshot *snapshot, const char *subject, tt_text name) {
  return found(snapshot, subject, name);
}

// Freshness and extent of a row of numbers or of texts; absent, if there is no such row or it is of the other form.
static tt_freshness extent(tt_reading reading, size_t row, int form, size_t available, size_t *first, size_t *count) {
  const trimtab_policy_types_readings_t *columns = &reading.snapshot->wire->readings;
  *first = *count = 0;
  if (row < reading.first || row >= reading.end) return TT_ABSENT;
  if (row >= columns->freshness.len || row >= columns->firsts.len || row >= columns->counts.len) return TT_ABSENT;
  int freshness = columns->freshness.ptr[row];
  if ((freshness & OF_TEXTS) != form) return TT_ABSENT;
  freshness &= ~OF_TEXTS;
  // A freshness that this version does not know, and a row without samples, count as absent.
  if (freshness != TT_FRESH && freshness != TT_STALE) return TT_ABSENT;
  size_t from = columns->firsts.ptr[row], samples = columns->counts.ptr[row];
  if (samples == 0 || from > available || samples > available - from) return TT_ABSENT;
  *first = from;
  *count = samples;
  return (tt_freshness)freshness;
}

static tt_fact at_row(tt_reading reading, size_t row) {
  const trimtab_policy_types_readings_t *columns = &reading.snapshot->wire->readings;
  size_t available = columns->values.len < columns->times_ms.len ? columns->values.len : columns->times_ms.len;
  size_t first, count;
  tt_freshness freshness = extent(reading, row, 0, available, &first, &count);
  if (freshness == TT_ABSENT) return (tt_fact){TT_ABSENT, {0}};
  return (tt_fact){freshness, {columns->times_ms.ptr + first, columns->values.ptr + first, count}};
}

tt_fact tt_read(tt_reading reading) { return at_row(reading, reading.first); }

tt_fact tt_read_at(tt_reading reading, size_t index) {
  const policy_list_u32_t *owners = &reading.snapshot->wire->readings.owners;
  size_t row = first_at_least(owners, reading.first, reading.end, (uint32_t)index);
  if (row >= reading.end || owners->ptr[row] != index) return (tt_fact){TT_ABSENT, {0}};
  return at_row(reading, row);
}

tt_fact tt_read_named(tt_reading reading, tt_text owner) {
  const policy_list_tuple2_u32_string_t *names = &reading.snapshot->wire->readings.owner_names;
  for (size_t i = 0; i < names->len; i++) {
    size_t row = names->ptr[i].f0;
    if (row >= reading.first && row < reading.end && tt_same(names->ptr[i].f1, owner)) return at_row(reading, row);
  }
  return (tt_fact){TT_ABSENT, {0}};
}

bool tt_fresh_text(tt_reading reading, tt_text *text) {
  const policy_list_string_t *texts = &reading.snapshot->wire->readings.texts;
  size_t first, count;
  if (extent(reading, reading.first, OF_TEXTS, texts->len, &first, &count) != TT_FRESH) return false;
  *text = texts->ptr[first + count - 1];
  return true;
}

bool tt_fresh_or_refuse(tt_reading reading, tt_samples *samples, tt_refusal *refusal) {
  tt_fact fact = tt_read(reading);
  if (tt_fresh(fact, samples)) return true;
  tt_text text = tt_join(tt("reading `"), reading.name, tt("` is "), tt_word(fact.freshness));
  return tt_refuse(refusal, TT_READING_MISSING, text);
}

// ---------------------------------------------------------------------------------------------------------------- samples

static void demand(tt_samples samples) {
  if (samples.len == 0) tt_stop("there are no samples: ask tt_fresh first");
}

double tt_latest(tt_samples samples) {
  demand(samples);
  return samples.values[samples.len - 1];
}

double tt_mean(tt_samples samples) {
  demand(samples);
  double sum = 0;
  for (size_t i = 0; i < samples.len; i++) sum += samples.values[i];
  return sum / (double)samples.len;
}

double tt_least(tt_samples samples) {
  double least = tt_latest(samples);
  for (size_t i = 0; i < samples.len; i++) least = samples.values[i] < least ? samples.values[i] : least;
  return least;
}

double tt_greatest(tt_samples samples) {
  double greatest = tt_latest(samples);
  for (size_t i = 0; i < samples.len; i++) greatest = samples.values[i] > greatest ? samples.values[i] : greatest;
  return greatest;
}

tt_samples tt_since(tt_samples samples, uint64_t from_ms) {
  size_t young = 0;
  while (young < samples.len && samples.times_ms[samples.len - 1 - young] >= from_ms) young++;
  if (young == 0) return (tt_samples){0};
  size_t old = samples.len - young;
  return (tt_samples){samples.times_ms + old, samples.values + old, young};
}

bool tt_rate(tt_samples samples, double *per_second) {
  if (samples.len < 2) return false;
  uint64_t from_ms = samples.times_ms[0], to_ms = samples.times_ms[samples.len - 1];
  if (to_ms <= from_ms) return false;
  double growth = 0;
  for (size_t i = 1; i < samples.len; i++) {
    double before = samples.values[i - 1], after = samples.values[i];
    growth += after < before ? after : after - before;
  }
  *per_second = growth / ((double)(to_ms - from_ms) / 1000.0);
  return true;
}
