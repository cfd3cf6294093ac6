package trimtab

import (
	"math"
	"strconv"
	"time"
)

// milliseconds of a span, whole ones; none of a negative one.
func milliseconds(span time.Duration) uint64 { return uint64(max(span.Milliseconds(), 0)) }

// duration of so many milliseconds; the longest there is, of 292 years, for more.
func duration(ms uint64) time.Duration {
	return time.Duration(min(ms, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
}

func count(n int) string { return strconv.Itoa(n) }
