;; Takes a page more each time and gives none back. An instance that is fresh each time forgets it.
;; must: answers
;; times: 1000

;;= fields
(global $leaked (mut i32) (i32.const 0))

;;= evaluate
(global.set $leaked (i32.add (global.get $leaked) (i32.const 1)))
(if (i32.gt_u (memory.size) (i32.const 2)) (then (unreachable)))
(memory.fill (i32.shl (memory.grow (i32.const 1)) (i32.const 16)) (i32.const 85) (i32.const 65536))
;; What it answers would tell that it was asked before.
(call $scale (i32.add (i32.const 3) (global.get $leaked)))
