// A bench to play a policy on natively: scenes in, answers out, memory carried over. What the policy sees of a scene is what
// its needs ask for, in the columns in which the host sends it; parameters are filled in and checked as a binding's are.
//
//   static void replicas_follow_the_load(void) {
//     tt_rehearsal bench = {0};
//     tt_set_num(&bench, "target", 100);
//     tt_scene scene = tt_replicas_at_work(2);
//     TT_GIVE(&scene, "requests_per_second", 412);
//     tt_play(&bench, &scene);
//     TT_SCALES_TO(&bench, 5);
//   }
#pragma once

#include "trimtab.h"

// The distance of a scene's samples; the last of them is taken now.
enum { TT_STEP_MS = 15000 };
// The time of a new scene: 2026-11-22, 12:00 UTC.
#define TT_NOON_MS 1795348800000u

typedef struct {
  const char *name;
  tt_value value;
} tt_setting;

// Plays one policy for one target, evaluation after evaluation. Begins as {0}.
typedef struct {
  tt_setting *settings;
  size_t settings_len;
  policy_list_u8_t memory;  // What it remembers.
  tt_answer answer;         // What came of the last scene.
} tt_rehearsal;

// Gives a parameter, as an operator does in a binding; again, to change it.
void tt_set(tt_rehearsal *bench, const char *name, tt_value value);
#define tt_set_flag(bench, name, value) tt_set(bench, name, tt_value_flag(value))
#define tt_set_whole(bench, name, value) tt_set(bench, name, tt_value_whole(value))
#define tt_set_num(bench, name, value) tt_set(bench, name, tt_value_num(value))
#define tt_set_text(bench, name, value) tt_set(bench, name, tt_value_text(tt(value)))
#define tt_set_duration_ms(bench, name, value) tt_set(bench, name, tt_value_duration_ms(value))

typedef struct {
  const char *name;
  size_t instance;  // Its index, or TT_NOBODYS for the target's own.
  bool fresh;
  const double *values;
  size_t len;
} tt_given;
#define TT_NOBODYS SIZE_MAX

// One moment of one target, put together by hand. What is not given is absent, not zero. Whatever else is to be in it goes
// into `wire`: labels, nodes, alerts, changes, the change in flight.
typedef struct {
  trimtab_policy_types_snapshot_t wire;
  tt_given *given;
  size_t given_len;
} tt_scene;

// So many replicas `i-0`, `i-1` …, all ready, at noon; bounds of 0 to 1000.
tt_scene tt_replicas_at_work(uint32_t count);

void tt_give(tt_scene *scene, tt_given given);
#define TT_SAMPLES(...)                              \
  .values = (const double[]){__VA_ARGS__}, .len = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)
// A fresh reading of the target, oldest sample first: TT_GIVE(&scene, "rps", 400, 412).
#define TT_GIVE(scene, reading, ...) \
  tt_give(scene, (tt_given){.name = reading, .instance = TT_NOBODYS, .fresh = true, TT_SAMPLES(__VA_ARGS__)})
// One that is too old to act on.
#define TT_GIVE_STALE(scene, reading, ...) \
  tt_give(scene, (tt_given){.name = reading, .instance = TT_NOBODYS, TT_SAMPLES(__VA_ARGS__)})
// A fresh one of the instance with that index.
#define TT_GIVE_OF(scene, index, reading, ...) \
  tt_give(scene, (tt_given){.name = reading, .instance = index, .fresh = true, TT_SAMPLES(__VA_ARGS__)})

// Plays one moment. Ends the program with a word where the host would refuse the parameters, or call the answer a fault: a kind
// that the manifest does not declare, memory above its bound.
void tt_play(tt_rehearsal *bench, tt_scene *scene);

// What is held against the last answer; each ends the program with file and line where it does not hold.
#define TT_SCALES_TO(bench, count) tt_expect(tt_scales_to(bench, count), bench, __FILE__, __LINE__, "it scales to " #count)
#define TT_HOLDS(bench) tt_expect(tt_holds(bench), bench, __FILE__, __LINE__, "it holds")
#define TT_REFUSES(bench, kind) tt_expect(tt_refuses(bench, kind), bench, __FILE__, __LINE__, "it refuses: " kind)
// Whether a reason, a refusal or a note has these words.
#define TT_SAYS(bench, words) tt_expect(tt_says(bench, words), bench, __FILE__, __LINE__, "it says: " words)
#define TT_CHECK(holds) tt_expect(holds, NULL, __FILE__, __LINE__, #holds)

bool tt_scales_to(const tt_rehearsal *bench, uint32_t count);
bool tt_holds(const tt_rehearsal *bench);
bool tt_refuses(const tt_rehearsal *bench, const char *kind);
bool tt_says(const tt_rehearsal *bench, const char *words);
void tt_expect(bool holds, const tt_rehearsal *bench, const char *file, int line, const char *what);
