;; Takes one parameter more than it may.
;; must: manifest
;; says: 129 parameters, allowed are 128

;;= describe
(local $at i32)
(drop (call $manifest))
(local.set $at (i32.const 16384))
(loop
  (call $set (local.get $at) (i32.const 1112) (i32.const 1))
  (call $set (i32.add (local.get $at) (i32.const 8)) (i32.const 1120) (i32.const 3))
  (local.set $at (i32.add (local.get $at) (i32.const 104)))
  (br_if 0 (i32.lt_u (local.get $at) (i32.const 29800))))
(call $set (i32.const 40) (i32.const 16384) (i32.const 129))
(i32.const 16)
