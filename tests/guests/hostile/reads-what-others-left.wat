;; Looks through all memory, tables and globals that it can get for what another tenant may have left, and proposes as
;; many replicas as it found words; then leaves a secret of its own everywhere. Its search is tried on that secret: what
;; finds nothing there finds nothing anywhere.
;; must: answers
;; with: fuel=200000000
;; times: 16

;;= fields
(table $f 64 funcref)
(elem declare func $seek)
(global $word (mut i64) (i64.const 0))
;; How many of the 16 bytes between these addresses hold anything.
(func $held (param $at i32) (param $end i32) (result i32)
  (local $found i32)
  (loop
    (if (v128.any_true (v128.load (local.get $at)))
      (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
    (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 16))) (local.get $end))))
  (local.get $found))
;; Where nothing has been written yet: behind what the host wrote of the snapshot.
(func $free (result i32) (i32.and (i32.add (global.get $top) (i32.const 31)) (i32.const -16)))
;; What there is in memory, table and global that a fresh instance does not have.
(func $seek (result i32)
  (local $found i32) (local $at i32)
  (local.set $found (i32.add (call $held (i32.const 4096) (i32.const 49152))
    (call $held (call $free) (i32.shl (memory.size) (i32.const 16)))))
  (loop
    (if (i32.eqz (ref.is_null (table.get $f (local.get $at))))
      (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
    (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (table.size $f))))
  (i32.add (local.get $found) (i64.ne (global.get $word) (i64.const 0))))

;;= evaluate
(local $found i32)
(drop (memory.grow (i32.const 60)))
(drop (table.grow $f (ref.null func) (i32.const 4000)))
(local.set $found (call $seek))
(memory.fill (i32.const 4096) (i32.const 83) (i32.const 45056))
(memory.fill (call $free) (i32.const 83) (i32.sub (i32.shl (memory.size) (i32.const 16)) (call $free)))
(table.fill $f (i32.const 0) (ref.func $seek) (table.size $f))
(global.set $word (i64.const 0x5345435245543a))
(if (i32.eqz (call $seek)) (then (unreachable)))
(if (result i32) (local.get $found)
  (then (call $scale (i32.add (i32.const 4) (local.get $found))))
  (else (i32.const 512)))
