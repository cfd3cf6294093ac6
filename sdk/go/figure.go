package trimtab

import (
	"math"
	"strconv"
)

// Figure shows a measurement for people, with at most three decimals: `412.5`, `0.667`, `-3`. The same in every language of
// Trimtab: `fmt` would also add half a megabyte to the policy.
func Figure(value float64) string {
	magnitude := math.Abs(value)
	if math.IsNaN(magnitude) {
		return "nan"
	}
	sign := ""
	if value < 0 && magnitude >= 0.0005 {
		sign = "-"
	}
	if math.IsInf(magnitude, 1) {
		return sign + "inf"
	}
	if magnitude >= 9.0e15 {
		return sign + powerOfTen(magnitude)
	}
	// Whole and thousandths apart: the product of all of it by a thousand would leave the range of exact integers. The conversion
	// keeps processors that could from multiplying and adding in one go.
	whole := uint64(magnitude)
	thousandths := uint64(float64((magnitude-float64(whole))*1000) + 0.5)
	whole, thousandths = whole+thousandths/1000, thousandths%1000
	shown := sign + strconv.FormatUint(whole, 10)
	if thousandths == 0 {
		return shown
	}
	decimals := strconv.FormatUint(1000+thousandths, 10)[1:]
	for decimals[len(decimals)-1] == '0' {
		decimals = decimals[:len(decimals)-1]
	}
	return shown + "." + decimals
}

func powerOfTen(magnitude float64) string {
	exponent := 1
	for magnitude >= 100 {
		magnitude /= 10
		exponent++
	}
	digits := uint64(magnitude)
	return strconv.FormatUint(digits/10, 10) + "." + strconv.FormatUint(digits%10, 10) + "e" + strconv.Itoa(exponent)
}

// Replicas is the count for a wish in fractions of replicas: rounded up, at least 0, at most 2^32 - 1; 0 for not-a-number.
//
// A billionth part is forgiven before rounding up: `1.1 / 0.1` is 11.000000000000002 in floating point, and a twelfth replica for
// an error in the last bit would be nobody's wish.
func Replicas(wish float64) uint32 {
	if !(wish > 0) {
		return 0
	}
	// Beyond any count, yet finite: the forgiven part of an infinite wish would make it no number.
	wish = min(wish, 1e12)
	count := math.Ceil(wish - float64(max(wish, 1)*1e-9))
	return uint32(min(max(count, 0), math.MaxUint32))
}
