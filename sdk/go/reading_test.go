package trimtab

import (
	"reflect"
	"testing"
	"time"

	"trimtab/wire"
)

// columns has a reading of the target (need 0), of two instances (need 2), of texts (need 3), stale (4), and of a queue (5).
func columns() *Snapshot {
	reading := func(name, subject string) wire.Need {
		return wire.Need{Kind: "reading", Name: name, Subject: subject}
	}
	return &Snapshot{
		needs: []wire.Need{
			reading("rps", "target"), {Kind: "label", Name: "busy"}, reading("busy", "instance"), reading("state", "target"),
			reading("old", "target"), reading("jobs", "queue"), reading("rps", "node"),
		},
		wire: &wire.Snapshot{
			NowMs:     9000,
			Instances: []wire.Instance{{ID: "a"}, {ID: "b"}, {ID: "c"}},
			Readings: wire.Readings{
				Needs:     []uint32{0, 2, 2, 3, 4, 5, 6},
				Owners:    []uint32{noIndex, 0, 2, noIndex, noIndex, noIndex, noIndex},
				Freshness: []uint8{0, 0, 2, 16, 1, 0, 77},
				Firsts:    []uint32{0, 3, 4, 0, 4, 5, 0},
				Counts:    []uint32{3, 1, 0, 1, 1, 1, 1},
				TimesMs:   []uint64{1000, 2000, 3000, 3000, 500, 3000},
				Values:    []float64{6, 1, 2, 7, 8, 9},
				Texts:     []string{"degraded"}, TextTimesMs: []uint64{3000},
				OwnerNames: []wire.Entry[uint32, string]{{Key: 5, Value: "q"}},
			},
		},
	}
}

func TestSamplesAreThoseOfTheNeed(t *testing.T) {
	s := columns()
	samples, err := s.Reading("rps").Fresh()
	if err != nil {
		t.Fatal(err)
	}
	got := []float64{samples.Latest(), samples.Mean(), samples.Min(), samples.Max(), float64(samples.LatestMs()), float64(samples.Len())}
	if !reflect.DeepEqual(got, []float64{2, 3, 1, 6, 3000, 3}) {
		t.Errorf("they are %v", got)
	}
	young, ok := samples.Since(s.AgoMs(7 * time.Second))
	if !ok || young.Len() != 2 {
		t.Errorf("since 2000 there are %d", young.Len())
	}
	if _, ok := samples.Since(3001); ok {
		t.Error("there are samples of the future")
	}
}

func TestWhatIsNotKnownIsNeverZero(t *testing.T) {
	s := columns()
	for name, text := range map[string]string{
		"old": "reading-missing: reading `old` is stale", "none": "reading-missing: reading `none` is absent",
		"state": "reading-missing: reading `state` is absent",
	} {
		if _, err := s.Reading(name).Fresh(); err == nil || err.Error() != text {
			t.Errorf("%s says %v", name, err)
		}
	}
	if samples, ok := s.Reading("old").Fact().Known(); !ok || samples.Latest() != 8 {
		t.Error("what was known once is not known")
	}
	if fact := s.ReadingOf(OfNode, "rps").Fact(); fact.String() != "absent" {
		t.Errorf("a freshness of tomorrow is %s", fact)
	}
}

func TestOwnersHaveTheirOwn(t *testing.T) {
	s := columns()
	told := ""
	for instance, fact := range s.Reading("busy").Instances() {
		told += instance.ID + " " + fact.String() + " "
		if samples, ok := fact.Fresh(); ok {
			told += Figure(samples.Latest()) + " "
		}
	}
	for name, fact := range s.Reading("jobs").Named() {
		samples, _ := fact.Fresh()
		told += name + " " + Figure(samples.Latest())
	}
	if told != "a fresh 7 b absent c absent q 9" {
		t.Errorf("it is %s", told)
	}
	if text, word := s.Reading("state").Text(); text != "degraded" || word != "fresh" {
		t.Errorf("the state is %s and %s", text, word)
	}
	if _, word := s.Reading("rps").Text(); word != "absent" {
		t.Errorf("the text of numbers is %s", word)
	}
}

func TestColumnsThatContradictEachOtherAreAbsent(t *testing.T) {
	s := columns()
	s.wire.Readings.Counts[0] = 4_000_000_000
	s.wire.Readings.Counts[3] = 2
	if fact := s.Reading("rps").Fact(); fact.String() != "absent" {
		t.Errorf("more samples than there are are %s", fact)
	}
	if _, word := s.Reading("state").Text(); word != "absent" {
		t.Errorf("more texts than there are are %s", word)
	}
	s.wire.Readings.Freshness = nil
	if fact := s.Reading("old").Fact(); fact.String() != "absent" {
		t.Errorf("a row that ends early is %s", fact)
	}
}

func TestAZonesOffsetIsThatOfTheTime(t *testing.T) {
	s := columns()
	s.wire.Transitions = []wire.ZoneTransitions{{Zone: "Europe/Berlin", AtMs: []uint64{100, 200}, OffsetsSeconds: []int32{3600, 7200}}}
	for at, want := range map[uint64]int32{100: 3600, 199: 3600, 200: 7200} {
		if got, ok := s.OffsetSeconds("Europe/Berlin", at); !ok || got != want {
			t.Errorf("at %d it is %d", at, got)
		}
	}
	if _, ok := s.OffsetSeconds("Europe/Berlin", 99); ok {
		t.Error("what was before is known")
	}
	if _, ok := s.OffsetSeconds("UTC", 100); ok {
		t.Error("a zone that nobody gave is known")
	}
}
