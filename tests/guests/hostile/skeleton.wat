;; The policy that every hostile guest is a change of: it wants the reading `load`, and abstains.
;;
;; A hostile guest is a file beside this one. It says what it tries, what must come of it, and which pieces it puts in place
;; of the pieces here:
;;
;;   ;; Loops for ever when it is asked for an answer.
;;   ;; must: evaluate out-of-fuel        stage and fault; or what the bounds say, or `answers`
;;   ;; says: used up its fuel            words of the reason
;;   ;; lacks: …                         words that must not be in it
;;   ;; with: fuel=… deadline_ms=…        limits of its own
;;   ;; times: 1000                       how often it is asked; else three times
;;   ;; world: wasi                       WASI as in wasi.wit is there to be imported
;;   ;; instances: 9 (module …)          instances that it has besides its own, and of which module
;;
;;   ;;= evaluate                         memory, fields, describe, needs, evaluate, realloc or after
;;   (loop (br 0)) (unreachable)
;;
;; `{name}` is the file's name, which is also the policy's. Records lie in memory as C structs do:
;;
;;      16 manifest (56)    384 result of needs (28)    416 need (64)    512 answer (56)    576 proposals (84 each)
;;     920 resources of a container (80)    1024 texts    2048 free for the file    3072 name
;;   16384 free for the file, 32 KiB    49152 arena

(module
  {memory}

  (data (i32.const 1024) "1.0.0")     ;; 5
  (data (i32.const 1032) "scale")     ;; 5
  (data (i32.const 1040) "resize")    ;; 6
  (data (i32.const 1048) "restart")   ;; 7
  (data (i32.const 1056) "replace")   ;; 7
  (data (i32.const 1064) "remove")    ;; 6
  (data (i32.const 1072) "reading")   ;; 7
  (data (i32.const 1080) "load")      ;; 4
  (data (i32.const 1088) "target")    ;; 6
  (data (i32.const 1096) "web-1")     ;; 5
  (data (i32.const 1104) "web-4")     ;; 5, protected
  (data (i32.const 1112) "p")         ;; 1
  (data (i32.const 1120) "f64")       ;; 3
  (data (i32.const 1128) "text")      ;; 4
  (data (i32.const 1136) "json")      ;; 4
  (data (i32.const 1144) "a reason")  ;; 8
  (data (i32.const 1152) "hold")      ;; 4
  (data (i32.const 3072) "{name}")

  (global $top (mut i32) (i32.const 49152))
  (func $alloc (param $align i32) (param $bytes i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -16)))
    (global.set $top (i32.add (local.get $at) (local.get $bytes)))
    (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $bytes) (i32.const 16)))))))
    (local.get $at))

  ;; Stores a text or list: pointer, then length.
  (func $set (param $field i32) (param $at i32) (param $length i32)
    (i32.store (local.get $field) (local.get $at))
    (i32.store offset=4 (local.get $field) (local.get $length)))

  ;; A manifest with nothing wrong in it: five kinds, 64 bytes of memory, no parameter.
  (func $manifest (result i32)
    (call $set (i32.const 16) (i32.const 3072) (i32.const {name_bytes}))
    (call $set (i32.const 24) (i32.const 1024) (i32.const 5))
    (call $set (i32.const 48) (i32.const 1200) (i32.const 5))
    (call $set (i32.const 1200) (i32.const 1032) (i32.const 5))
    (call $set (i32.const 1208) (i32.const 1040) (i32.const 6))
    (call $set (i32.const 1216) (i32.const 1048) (i32.const 7))
    (call $set (i32.const 1224) (i32.const 1056) (i32.const 7))
    (call $set (i32.const 1232) (i32.const 1064) (i32.const 6))
    (i32.store (i32.const 56) (i32.const 64))
    (i32.const 16))

  ;; The same with so many parameters at 16384, 104 bytes each; the first is `p`, of this kind.
  (func $parameters (param $kind i32) (param $bytes i32) (param $count i32)
    (drop (call $manifest))
    (call $set (i32.const 40) (i32.const 16384) (local.get $count))
    (call $set (i32.const 16384) (i32.const 1112) (i32.const 1))
    (call $set (i32.const 16392) (local.get $kind) (local.get $bytes)))

  ;; The need of the reading `load`.
  (func $needs_load (result i32)
    (call $set (i32.const 388) (i32.const 416) (i32.const 1))
    (call $set (i32.const 416) (i32.const 1072) (i32.const 7))
    (call $set (i32.const 424) (i32.const 1080) (i32.const 4))
    (call $set (i32.const 432) (i32.const 1088) (i32.const 6))
    (i32.const 384))

  ;; An answer of one proposal of this kind, at 576.
  (func $propose (param $kind i32) (param $bytes i32) (result i32)
    (call $set (i32.const 516) (i32.const 576) (i32.const 1))
    (call $set (i32.const 576) (local.get $kind) (local.get $bytes))
    (i32.const 512))

  (func $scale (param $count i32) (result i32)
    (i32.store8 (i32.const 584) (i32.const 1))
    (i32.store (i32.const 588) (local.get $count))
    (call $propose (i32.const 1032) (i32.const 5)))

  ;; The latest sample of the first row, or zero.
  (func $load (param $snapshot i32) (result f64)
    (if (i32.eqz (i32.load offset=276 (local.get $snapshot))) (then (return (f64.const 0))))
    (if (i32.eqz (i32.load (i32.load offset=288 (local.get $snapshot)))) (then (return (f64.const 0))))
    (f64.load (i32.load offset=304 (local.get $snapshot))))

  {fields}

  (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $bytes i32) (result i32)
    {realloc})
  (func $describe (export "trimtab:policy/decide@0.1.0#describe") (result i32)
    {describe})
  (func $needs (export "trimtab:policy/decide@0.1.0#needs") (param $params i32) (param $count i32) (result i32)
    {needs})
  (func $evaluate (param $snapshot i32) (result i32)
    {evaluate})
  (func (export "trimtab:policy/decide@0.1.0#evaluate") (param $snapshot i32) (result i32)
    {wakes}
    (call $evaluate (local.get $snapshot)))
  (func (export "cabi_post_trimtab:policy/decide@0.1.0#evaluate") (param $answer i32)
    {after}))
