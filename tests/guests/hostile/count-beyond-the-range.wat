;; Wishes for a million replicas, which is taken seriously and bounded.
;; must: restrained by above-max, decides 10

;;= evaluate
(call $scale (i32.const 1000000))
