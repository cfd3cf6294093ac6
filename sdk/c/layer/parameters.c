#include "parameters.h"

#include "trimtab.h"

void tt_declare(trimtab_policy_types_list_parameter_t *declared, const char *name, const char *kind, const char *doc,
                trimtab_policy_types_parameter_t rest) {
  declared->ptr = tt_grown(declared->ptr, declared->len, sizeof *declared->ptr);
  rest.name = tt(name);
  rest.kind = tt(kind);
  rest.doc = tt(doc);
  declared->ptr[declared->len++] = rest;
}

bool tt_wrong_type(tt_refusal *refusal, const char *name, const char *kind) {
  return tt_refuse(refusal, TT_PARAMETER_WRONG, tt_join(tt("`"), tt(name), tt("` is not of type "), tt(kind)));
}

bool tt_wrong_count(tt_refusal *refusal, size_t declared, size_t came) {
  return tt_refuse(refusal, TT_PARAMETER_WRONG,
                   tt_join(tt_whole((int64_t)came), tt(" values came for "), tt_whole((int64_t)declared), tt(" parameters")));
}

void tt_describe(exports_trimtab_policy_decide_manifest_t *manifest, const tt_about *about,
                 trimtab_policy_types_list_parameter_t declared) {
  tt_texts kinds = {0};
  for (size_t i = 0; i < TT_KINDS_MAX && about->kinds[i]; i++) {
    kinds.ptr = tt_grown(kinds.ptr, kinds.len, sizeof *kinds.ptr);
    kinds.ptr[kinds.len++] = tt(about->kinds[i]);
  }
  *manifest = (exports_trimtab_policy_decide_manifest_t){
      .name = tt(about->name),
      .version = tt(about->version),
      .summary = tt(about->summary),
      .parameters = declared,
      .kinds = kinds,
      .memory_bytes = about->memory_bytes,
      .memory_format = about->memory_format,
  };
}
