;; Spins once for each unit of `load`, then abstains: the story of deadlines tells it how long.
;; must: answers

;;= evaluate
(local $left i64)
(local.set $left (i64.trunc_sat_f64_u (call $load (local.get $snapshot))))
(loop (br_if 0 (i64.ne (i64.const 0) (local.tee $left (i64.sub (local.get $left) (i64.const 1))))))
(i32.const 512)
