;; Keeps one replica for every `target` of a reading. The other guests do the same, in the same words.
;;
;; By hand, to show what the contract is at the bottom: three exported functions, a memory, an allocator. A record lies in
;; memory as a C struct would; texts and lists are a pointer and a length; an option or variant is a tag and a payload at
;; the payload's alignment; an argument or result too large for the stack is a pointer.

(module
  (memory (export "memory") 1)

  ;; Where answers are laid out. All of it starts as zeroes, which means: empty texts and lists, `none`, `unset`, false.
  ;;   16 manifest (56)      128 two parameters (104 each)      344 list of kinds (8)
  ;;  352 result of needs (28)      384 need (64)      448 answer (56)      512 proposal (84)
  ;; 1024 texts      2048 arena

  (data (i32.const 1024) "guest-wat")                                       ;;  9 bytes
  (data (i32.const 1040) "0.1.0")                                           ;;  5
  (data (i32.const 1056) "One replica for every target of a reading.")      ;; 42
  (data (i32.const 1104) "reading")                                         ;;  7
  (data (i32.const 1120) "text")                                            ;;  4
  (data (i32.const 1136) "The reading of the whole target.")                ;; 32
  (data (i32.const 1168) "target")                                          ;;  6
  (data (i32.const 1184) "f64")                                             ;;  3
  (data (i32.const 1200) "How much of it one replica takes.")               ;; 33
  (data (i32.const 1248) "scale")                                           ;;  5
  (data (i32.const 1264) "parameter-wrong")                                 ;; 15
  (data (i32.const 1280) "`reading` must be a text and `target` a number")  ;; 46
  (data (i32.const 1328) "`target` must be above zero")                     ;; 27
  (data (i32.const 1360) "reading-missing")                                 ;; 15
  (data (i32.const 1376) "no fresh reading `")                              ;; 18
  (data (i32.const 1400) "` is ")                                           ;;  5
  (data (i32.const 1408) " and one replica takes ")                         ;; 23
  (data (i32.const 1440) ": ")                                              ;;  2
  (data (i32.const 1448) " replicas")                                       ;;  9

  ;; ---------------------------------------------------------------------------------------------------------- memory

  (global $arena i32 (i32.const 2048))
  (global $top (mut i32) (i32.const 2048))

  ;; The next free bytes. Never freed one by one: `$after` drops them all.
  (func $alloc (param $align i32) (param $bytes i32) (result i32)
    (local $block i32) (local $end i32) (local $have i32)
    (local.set $block
      (i32.and
        (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (local.set $end (i32.add (local.get $block) (local.get $bytes)))
    (if (i32.lt_u (local.get $end) (local.get $block)) (then unreachable))
    (local.set $have (i32.shl (memory.size) (i32.const 16)))
    (if (i32.gt_u (local.get $end) (local.get $have))
      (then
        (if (i32.eq (i32.const -1)
              (memory.grow
                (i32.add (i32.const 1)
                  (i32.shr_u (i32.sub (local.get $end) (local.get $have)) (i32.const 16)))))
          (then unreachable))))
    (global.set $top (local.get $end))
    (local.get $block))

  ;; The host asks for room for what it passes in.
  (func (export "cabi_realloc") (param $old i32) (param $had i32) (param $align i32) (param $bytes i32) (result i32)
    (local $block i32)
    (local.set $block (call $alloc (local.get $align) (local.get $bytes)))
    (memory.copy (local.get $block) (local.get $old) (local.get $had))
    (local.get $block))

  ;; The host calls these when it has read an answer. The layouts above are written anew by each call, but a tag left over
  ;; from the last answer must not stay.
  (func $after (param $answer i32)
    (global.set $top (global.get $arena))
    (memory.fill (i32.const 16) (i32.const 0) (i32.const 1008)))
  (export "cabi_post_trimtab:policy/decide@0.1.0#describe" (func $after))
  (export "cabi_post_trimtab:policy/decide@0.1.0#needs" (func $after))
  (export "cabi_post_trimtab:policy/decide@0.1.0#evaluate" (func $after))

  ;; Stores a text or a list: pointer, then length.
  (func $set (param $field i32) (param $at i32) (param $length i32)
    (i32.store (local.get $field) (local.get $at))
    (i32.store offset=4 (local.get $field) (local.get $length)))

  ;; ------------------------------------------------------------------------------------------------------- sentences

  (global $sentence (mut i32) (i32.const 0))
  (global $length (mut i32) (i32.const 0))

  ;; Room for a name and three numbers of at most 22 characters.
  (func $begin (param $name_length i32)
    (global.set $sentence (call $alloc (i32.const 1) (i32.add (local.get $name_length) (i32.const 160))))
    (global.set $length (i32.const 0)))

  (func $put (param $at i32) (param $bytes i32)
    (memory.copy (i32.add (global.get $sentence) (global.get $length)) (local.get $at) (local.get $bytes))
    (global.set $length (i32.add (global.get $length) (local.get $bytes))))

  (func $put_byte (param $byte i32)
    (i32.store8 (i32.add (global.get $sentence) (global.get $length)) (local.get $byte))
    (global.set $length (i32.add (global.get $length) (i32.const 1))))

  (func $put_whole (param $number i64)
    (if (i64.ge_u (local.get $number) (i64.const 10))
      (then (call $put_whole (i64.div_u (local.get $number) (i64.const 10)))))
    (call $put_byte
      (i32.add (i32.const 48) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10))))))

  ;; Two decimals; what does not fit 64 bits is cut off.
  (func $put_number (param $number f64)
    (local $hundredths i64)
    (local.set $hundredths
      (i64.trunc_sat_f64_u (f64.add (f64.mul (local.get $number) (f64.const 100)) (f64.const 0.5))))
    (call $put_whole (i64.div_u (local.get $hundredths) (i64.const 100)))
    (call $put_byte (i32.const 46))
    (call $put_whole (i64.rem_u (i64.div_u (local.get $hundredths) (i64.const 10)) (i64.const 10)))
    (call $put_whole (i64.rem_u (local.get $hundredths) (i64.const 10))))

  ;; ---------------------------------------------------------------------------------------------------------- policy

  (func (export "trimtab:policy/decide@0.1.0#describe") (result i32)
    (call $set (i32.const 16) (i32.const 1024) (i32.const 9))     ;; name
    (call $set (i32.const 24) (i32.const 1040) (i32.const 5))     ;; version
    (call $set (i32.const 32) (i32.const 1056) (i32.const 42))    ;; summary
    (call $set (i32.const 40) (i32.const 128) (i32.const 2))      ;; parameters
    (call $set (i32.const 48) (i32.const 344) (i32.const 1))      ;; kinds
    (call $set (i32.const 344) (i32.const 1248) (i32.const 5))
    (call $set (i32.const 128) (i32.const 1104) (i32.const 7))    ;; first parameter: name
    (call $set (i32.const 136) (i32.const 1120) (i32.const 4))    ;; kind
    (i32.store8 (i32.const 160) (i32.const 1))                    ;; required
    (call $set (i32.const 216) (i32.const 1136) (i32.const 32))   ;; doc
    (call $set (i32.const 232) (i32.const 1168) (i32.const 6))    ;; second parameter: name
    (call $set (i32.const 240) (i32.const 1184) (i32.const 3))    ;; kind
    (i32.store8 (i32.const 264) (i32.const 1))                    ;; required
    (i32.store8 (i32.const 272) (i32.const 1))                    ;; min: some
    (f64.store (i32.const 280) (f64.const 0.001))
    (call $set (i32.const 320) (i32.const 1200) (i32.const 33))   ;; doc
    (i32.const 16))

  ;; Writes a refusal (kind, text, attrs) if the parameters are wrong, and says whether they are. A parameter is a tag and,
  ;; 8 bytes on, its value.
  (func $complaint (param $params i32) (param $count i32) (param $refusal i32) (result i32)
    (call $set (local.get $refusal) (i32.const 1264) (i32.const 15))
    (call $set (i32.add (local.get $refusal) (i32.const 8)) (i32.const 1280) (i32.const 46))
    (if (i32.ne (local.get $count) (i32.const 2)) (then (return (i32.const 1))))
    (if (i32.ne (i32.load8_u (local.get $params)) (i32.const 4)) (then (return (i32.const 1))))
    (if (i32.ne (i32.load8_u offset=16 (local.get $params)) (i32.const 3)) (then (return (i32.const 1))))
    (call $set (i32.add (local.get $refusal) (i32.const 8)) (i32.const 1328) (i32.const 27))
    (i32.eqz (f64.gt (f64.load offset=24 (local.get $params)) (f64.const 0))))

  (func (export "trimtab:policy/decide@0.1.0#needs") (param $params i32) (param $count i32) (result i32)
    (if (call $complaint (local.get $params) (local.get $count) (i32.const 356))
      (then
        (i32.store8 (i32.const 352) (i32.const 1))                ;; err
        (return (i32.const 352))))
    (i32.store8 (i32.const 352) (i32.const 0))                    ;; ok
    (call $set (i32.const 356) (i32.const 384) (i32.const 1))
    (call $set (i32.const 384) (i32.const 1104) (i32.const 7))    ;; kind
    (call $set (i32.const 392)                                    ;; name
      (i32.load offset=8 (local.get $params))
      (i32.load offset=12 (local.get $params)))
    (call $set (i32.const 400) (i32.const 1168) (i32.const 6))    ;; subject
    (i32.store8 (i32.const 432) (i32.const 1))                    ;; required
    (i32.const 352))

  ;; The snapshot's fields used here: 256 readings (272 freshness, 280 firsts, 288 counts, 304 values), 368 params.
  (func (export "trimtab:policy/decide@0.1.0#evaluate") (param $snapshot i32) (result i32)
    (local $params i32) (local $name i32) (local $name_length i32) (local $total f64) (local $target f64) (local $count i32)
    (local.set $params (i32.load offset=368 (local.get $snapshot)))
    (i32.store8 (i32.const 448) (i32.const 1))                    ;; verdict: refused, until there is something to propose
    (if (call $complaint (local.get $params) (i32.load offset=372 (local.get $snapshot)) (i32.const 452))
      (then (return (i32.const 448))))
    (local.set $name (i32.load offset=8 (local.get $params)))
    (local.set $name_length (i32.load offset=12 (local.get $params)))
    (local.set $target (f64.load offset=24 (local.get $params)))
    (call $begin (local.get $name_length))

    (if (i32.eqz (call $is_fresh (local.get $snapshot)))
      (then
        (call $put (i32.const 1376) (i32.const 18))
        (call $put (local.get $name) (local.get $name_length))
        (call $put_byte (i32.const 96))
        (call $set (i32.const 452) (i32.const 1360) (i32.const 15))
        (call $set (i32.const 460) (global.get $sentence) (global.get $length))
        (return (i32.const 448))))

    (local.set $total (call $latest (local.get $snapshot)))
    (local.set $count (i32.trunc_sat_f64_u (f64.ceil (f64.div (local.get $total) (local.get $target)))))
    (call $put_byte (i32.const 96))
    (call $put (local.get $name) (local.get $name_length))
    (call $put (i32.const 1400) (i32.const 5))
    (call $put_number (local.get $total))
    (call $put (i32.const 1408) (i32.const 23))
    (call $put_number (local.get $target))
    (call $put (i32.const 1440) (i32.const 2))
    (call $put_whole (i64.extend_i32_u (local.get $count)))
    (call $put (i32.const 1448) (i32.const 9))

    (i32.store8 (i32.const 448) (i32.const 0))                    ;; verdict: proposals
    (call $set (i32.const 452) (i32.const 512) (i32.const 1))
    (call $set (i32.const 512) (i32.const 1248) (i32.const 5))    ;; kind
    (i32.store8 (i32.const 520) (i32.const 1))                    ;; count: some
    (i32.store (i32.const 524) (local.get $count))
    (call $set (i32.const 580) (global.get $sentence) (global.get $length))  ;; reason
    (i32.const 448))

  ;; Whether the first row, that of the only need, is fresh and has a sample.
  (func $is_fresh (param $snapshot i32) (result i32)
    (if (i32.eqz (i32.load offset=276 (local.get $snapshot))) (then (return (i32.const 0))))
    (if (i32.load8_u (i32.load offset=272 (local.get $snapshot))) (then (return (i32.const 0))))
    (i32.ne (i32.load (i32.load offset=288 (local.get $snapshot))) (i32.const 0)))

  ;; Its latest sample; a load below zero counts as zero.
  (func $latest (param $snapshot i32) (result f64)
    (local $sample i32)
    (local.set $sample
      (i32.sub
        (i32.add
          (i32.load (i32.load offset=280 (local.get $snapshot)))
          (i32.load (i32.load offset=288 (local.get $snapshot))))
        (i32.const 1)))
    (f64.max (f64.const 0)
      (f64.load (i32.add (i32.load offset=304 (local.get $snapshot)) (i32.shl (local.get $sample) (i32.const 3)))))))
