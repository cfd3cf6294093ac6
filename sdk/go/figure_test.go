package trimtab

import (
	"math"
	"testing"
)

// The table of sdk/rust/src/figure/tests.rs.
func TestFigureShowsAsManyDecimalsAsAreWorthIt(t *testing.T) {
	for value, shown := range map[float64]string{
		0: "0", 4: "4", -4: "-4", 0.1: "0.1", 0.25: "0.25", 1.0 / 3: "0.333", 0.9999: "1", -0.0001: "0",
		1_234_567.891: "1234567.891", 0.05: "0.05", 412.9996: "413", -0.0005: "-0.001", 8999999999999999: "8999999999999999",
		math.Inf(1): "inf", math.Inf(-1): "-inf", 1e300: "1.0e300", 1.5e16: "1.5e16", 9e15: "9.0e15",
	} {
		if got := Figure(value); got != shown {
			t.Errorf("%v shows as %s, not %s", value, got, shown)
		}
	}
	if got := Figure(math.NaN()); got != "nan" {
		t.Errorf("no number shows as %s", got)
	}
}

func TestReplicasRoundUpAndNeverWrap(t *testing.T) {
	tenth, seventh := 0.1, 0.7
	for wish, count := range map[float64]uint32{
		4: 4, 4.001: 5, seventh / tenth: 7, 1.1 / tenth: 11, 0: 0, 0.01: 1, math.Inf(1): math.MaxUint32, 1e300: math.MaxUint32,
		-1e300: 0, 4294967296: 4294967292, 5e9: math.MaxUint32, 1e-10: 0,
	} {
		if got := Replicas(wish); got != count {
			t.Errorf("%v makes %d, not %d", wish, got, count)
		}
	}
	if got := Replicas(math.NaN()); got != 0 {
		t.Errorf("no number makes %d", got)
	}
}
