package trimtab

import (
	"iter"
	"sort"
)

// What `freshness` in the contract's columns says.
const (
	fresh   = 0
	stale   = 1
	ofTexts = 16
)

// noIndex is the owner number of the target's own rows, and of rows whose owner has a name only.
const noIndex = 1<<32 - 1

// Fact is what is known of something measured. There is no way to its samples that passes by the question how good they are.
type Fact struct {
	samples Samples
	known   bool
	fresh   bool
}

// Fresh returns the samples if they are young enough to act on.
func (f Fact) Fresh() (samples Samples, ok bool) {
	if !f.fresh {
		return Samples{}, false
	}
	return f.samples, true
}

// Known returns the samples, be they too old to act on.
func (f Fact) Known() (samples Samples, ok bool) { return f.samples, f.known }

// String is `fresh`, `stale` or `absent`. Absent is not known: never zero.
func (f Fact) String() string {
	switch {
	case f.fresh:
		return "fresh"
	case f.known:
		return "stale"
	}
	return "absent"
}

// Reading is one reading of the binding: a series of samples for each owner.
type Reading struct {
	snapshot *Snapshot
	name     string
	// Its rows in the columns.
	first, end int
}

// Name is its name in the binding.
func (r Reading) Name() string { return r.name }

// Fact is what is known of the target's own reading; of another subject's, that of its first owner.
func (r Reading) Fact() Fact { return r.row(r.first) }

// Fresh returns the samples of the target's own reading. The error is a refusal that names the reading, to be returned as it is.
func (r Reading) Fresh() (Samples, error) {
	fact := r.Fact()
	if samples, ok := fact.Fresh(); ok {
		return samples, nil
	}
	return Samples{}, ReadingMissing("reading `" + r.name + "` is " + fact.String())
}

// Text returns the youngest text of the target's own reading: a state to compare. Word is `fresh`, `stale` or `absent`.
func (r Reading) Text() (text, word string) {
	columns := &r.snapshot.wire.Readings
	freshness, first, count, ok := r.cut(r.first, ofTexts)
	if !ok || count == 0 || first+count > len(columns.Texts) || freshness > stale {
		return "", "absent"
	}
	text = columns.Texts[first+count-1]
	if freshness == fresh {
		return text, "fresh"
	}
	return text, "stale"
}

// Instances are all instances of the snapshot in its order, each with what is known of it; without a row, it is absent.
func (r Reading) Instances() iter.Seq2[*Instance, Fact] {
	return owners(r, r.snapshot.wire.Instances)
}

// Nodes are all nodes of the snapshot in its order, likewise.
func (r Reading) Nodes() iter.Seq2[*Node, Fact] { return owners(r, r.snapshot.wire.Nodes) }

// Named are the owners that are neither instances nor nodes (containers, pools, balancers, queues), by name.
func (r Reading) Named() iter.Seq2[string, Fact] {
	return func(yield func(string, Fact) bool) {
		for _, named := range r.snapshot.wire.Readings.OwnerNames {
			row := int(named.Key)
			if row >= r.first && row < r.end && !yield(named.Value, r.row(row)) {
				return
			}
		}
	}
}

func owners[T any](r Reading, all []T) iter.Seq2[*T, Fact] {
	return func(yield func(*T, Fact) bool) {
		of := r.snapshot.wire.Readings.Owners
		row := r.first
		// Rows are ordered by owner: one walk along both finds them all.
		for i := range all {
			for row < r.end && row < len(of) && of[row] < uint32(i) {
				row++
			}
			fact := Fact{}
			if row < r.end && row < len(of) && of[row] == uint32(i) {
				fact = r.row(row)
			}
			if !yield(&all[i], fact) {
				return
			}
		}
	}
}

// newReading is the rows of the need at that index in the list that the policy returned; no rows for -1.
func newReading(s *Snapshot, name string, need int) Reading {
	r := Reading{snapshot: s, name: name}
	if need >= 0 {
		rows := s.wire.Readings.Needs
		r.first = sort.Search(len(rows), func(i int) bool { return rows[i] >= uint32(need) })
		r.end = sort.Search(len(rows), func(i int) bool { return rows[i] > uint32(need) })
	}
	return r
}

func (r Reading) row(row int) Fact {
	columns := &r.snapshot.wire.Readings
	freshness, first, count, ok := r.cut(row, 0)
	end := first + count
	if !ok || count == 0 || end > len(columns.Values) || end > len(columns.TimesMs) || freshness > stale {
		// A freshness that is not known to this version, and a row without samples, count as absent.
		return Fact{}
	}
	samples := Samples{timesMs: columns.TimesMs[first:end], values: columns.Values[first:end]}
	return Fact{samples, true, freshness == fresh}
}

// cut is the freshness of a row and where its samples lie; not ok for no such row, or one of another form.
func (r Reading) cut(row int, form uint8) (freshness uint8, first, count int, ok bool) {
	columns := &r.snapshot.wire.Readings
	if row < r.first || row >= r.end || row >= len(columns.Freshness) || row >= len(columns.Firsts) || row >= len(columns.Counts) {
		return 0, 0, 0, false
	}
	freshness = columns.Freshness[row]
	if freshness&ofTexts != form {
		return 0, 0, 0, false
	}
	return freshness &^ ofTexts, int(columns.Firsts[row]), int(columns.Counts[row]), true
}

// Samples are those of one series, the oldest first. Those out of a [Fact] are never empty.
type Samples struct {
	timesMs []uint64
	values  []float64
}

// Latest is the youngest sample.
func (s Samples) Latest() float64 { return s.values[len(s.values)-1] }

// LatestMs is when the youngest sample was taken, in milliseconds since the Unix epoch.
func (s Samples) LatestMs() uint64 { return s.timesMs[len(s.timesMs)-1] }

// Mean is the arithmetic mean of all samples, each of the same weight.
func (s Samples) Mean() float64 {
	sum := 0.0
	for _, value := range s.values {
		sum += value
	}
	return sum / float64(len(s.values))
}

// Min is the least sample.
func (s Samples) Min() float64 {
	least := s.Latest()
	for _, value := range s.values {
		least = min(least, value)
	}
	return least
}

// Max is the greatest sample.
func (s Samples) Max() float64 {
	most := s.Latest()
	for _, value := range s.values {
		most = max(most, value)
	}
	return most
}

// Since returns the samples taken at fromMs or later; not ok if there are none.
func (s Samples) Since(fromMs uint64) (Samples, bool) {
	first := len(s.timesMs)
	for first > 0 && s.timesMs[first-1] >= fromMs {
		first--
	}
	return Samples{s.timesMs[first:], s.values[first:]}, first < len(s.timesMs)
}

// Len is how many there are.
func (s Samples) Len() int { return len(s.values) }

// All are the samples with the times they were taken at, in milliseconds since the Unix epoch.
func (s Samples) All() iter.Seq2[uint64, float64] {
	return func(yield func(uint64, float64) bool) {
		for i, value := range s.values {
			if !yield(s.timesMs[i], value) {
				return
			}
		}
	}
}
