;; Says something else each time it is asked what it is, as far as it can: it counts in its memory. A fresh instance has
;; counted nothing.
;; must: answers

;;= fields
(global $asked (mut i32) (i32.const 0))

;;= describe
(global.set $asked (i32.add (global.get $asked) (i32.const 1)))
(drop (call $manifest))
(i32.store (i32.const 60) (global.get $asked))
(i32.store (i32.const 56) (i32.mul (i32.const 32) (global.get $asked)))
(i32.const 16)

;;= evaluate
(global.set $asked (i32.add (global.get $asked) (i32.const 1)))
(if (i32.ne (global.get $asked) (i32.const 1)) (then (unreachable)))
(i32.const 512)
