package rehearsal

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"trimtab"
	"trimtab/wire"
)

// counting scales up once it has seen as many moments as its patience. What it keeps in itself is gone each time.
type counting struct {
	patience int64
	mood     string
	pause    time.Duration
	seen     int
}

func newCounting() trimtab.Policy { return &counting{} }

func (c *counting) About() trimtab.About {
	return trimtab.About{Name: "counting", Version: "1.0.0", Kinds: []string{trimtab.KindScale}, MemoryBytes: 3, MemoryFormat: 7}
}

func (c *counting) Parameters(p *trimtab.Parameters) {
	trimtab.Declare(p, &c.patience, "patience", "").Default(2).Range(1, 5)
	trimtab.Declare(p, &c.mood, "mood", "").Default("calm").Choices("calm", "wild", "gone", "odd", "long")
	trimtab.Declare(p, &c.pause, "pause", "").Default(0)
}

func (c *counting) Needs(n *trimtab.Needs) error {
	if c.pause > time.Hour {
		return trimtab.ParameterWrong("nobody waits so long")
	}
	n.Label("tier")
	return nil
}

func (c *counting) Evaluate(s *trimtab.Snapshot) (trimtab.Answer, error) {
	c.seen++
	seen, _ := strconv.Atoi(string(s.Memory()))
	seen += c.seen
	text := strconv.Itoa(seen)
	switch c.mood {
	case "gone":
		return trimtab.Answer{}, errors.New("no more")
	case "odd":
		return trimtab.Propose(trimtab.Act("dance").Because("")), nil
	case "long":
		return trimtab.Answer{}.Remember([]byte("much too long")), nil
	}
	if tier, _ := s.Label("tier"); tier != "web" {
		return trimtab.Answer{}, trimtab.NotApplicable("tier `" + tier + "`")
	}
	if int64(seen) < c.patience {
		return trimtab.Answer{}.Note("seen " + text).Remember([]byte(text)), nil
	}
	return trimtab.Propose(trimtab.Scale(s.Desired() + 1).Because("seen " + text + " times")).Remember([]byte(text)), nil
}

func web() *Scene { return Replicas(1).Label("tier", "web").Label("secret", "x") }

func TestMemoryIsCarriedFromSceneToScene(t *testing.T) {
	bench := New(t, newCounting)
	bench.Play(web()).Abstains().Says("seen 1")
	bench.Play(web()).ScalesTo(2).Says("seen 2 times")
	bench.SetMemory([]byte("40")).Play(web()).Says("seen 41")
	if string(bench.Memory()) != "41" || bench.Manifest().MemoryFormat != 7 {
		t.Errorf("it remembers %s", bench.Memory())
	}
	bench.Set("mood", "long").Play(web()).Abstains().Says("memory of 13 bytes is above its bound of 3")
	if string(bench.Memory()) != "41" {
		t.Errorf("it remembers %s", bench.Memory())
	}
}

func TestErrorsAreRefusals(t *testing.T) {
	New(t, newCounting).Play(Replicas(1)).Refuses(trimtab.KindNotApplicable).Says("tier ``")
	New(t, newCounting).Set("mood", "gone").Play(web()).Refuses("failed").Says("no more")
	New(t, newCounting).Set("pause", 2*time.Hour).Play(web()).Refuses(trimtab.KindParameterWrong).Says("nobody waits")
}

func TestABindingThatTheHostWouldRefuseIsRefused(t *testing.T) {
	for text, setting := range map[string]struct {
		name  string
		value any
	}{
		"parameter `patience` is 9, and must be 5 or less":               {"patience", 9},
		"parameter `patience` is not of type s64":                        {"patience", 1.5},
		"parameter `mood` is `sad`, none of calm, wild, gone, odd, long": {"mood", "sad"},
		"parameter `pause` is not of type duration":                      {"pause", -time.Second},
		"there is no parameter `luck`":                                   {"luck", 1},
	} {
		_, refusal := New(t, newCounting).Set(setting.name, setting.value).Bind()
		if refusal == nil || refusal.Text != text {
			t.Errorf("it says %+v, not %s", refusal, text)
		}
	}
}

// silent is a test that may fail.
type silent struct {
	testing.TB
	said []string
}

func (s *silent) Helper() {}

func (s *silent) Errorf(format string, _ ...any) { s.said = append(s.said, format) }

func TestWhatTheHostWouldCallAFaultFails(t *testing.T) {
	quiet := &silent{}
	New(quiet, newCounting).Set("mood", "odd").Play(web()).ScalesTo(3).Holds().Abstains()
	said := strings.Join(quiet.said, "; ")
	if len(quiet.said) != 5 || !strings.HasPrefix(said, "the manifest declares no `%s`; a proposal to `%s` gives no reason; expected") {
		t.Errorf("it says %s", said)
	}
}

func TestAPolicySeesWhatItAsksFor(t *testing.T) {
	needs := []wire.Need{
		{Kind: "reading", Name: "rps", Subject: "target", LookBackMs: 20_000},
		{Kind: "reading", Name: "busy", Subject: "instance"},
		{Kind: "reading", Name: "jobs", Subject: "queue"},
		{Kind: "reading", Name: "state", Subject: "target"},
		{Kind: "changes", LookBackMs: 1000},
	}
	scene := Replicas(2).Reading("rps", 1, 2, 3).OfInstance("i-1", "busy", 4).OfNamed(trimtab.OfQueue, "q", "jobs", 5).
		Text("state", "fine").Label("tier", "web").Later(time.Second)
	scene.With(func(s *wire.Snapshot) {
		s.Alerts = []wire.Alert{{ID: "a"}}
		s.Changes = []wire.Change{{AtMs: NoonMs - 1}, {AtMs: NoonMs}}
	})
	seen := scene.project(needs)
	if len(seen.Alerts) != 0 || len(seen.Target.Labels) != 0 || len(seen.Instances) != 2 || len(seen.Changes) != 1 {
		t.Errorf("it sees %+v", seen)
	}
	columns := seen.Readings
	if got := columns.Values; len(got) != 4 || got[0] != 2 || got[1] != 3 {
		t.Errorf("samples are %v", got)
	}
	if got := string(columns.Freshness); got != "\x00\x02\x00\x00\x10" {
		t.Errorf("freshness is %q", got)
	}
	if got := columns.OwnerNames; len(got) != 1 || got[0] != (wire.Entry[uint32, string]{Key: 3, Value: "q"}) {
		t.Errorf("owners are %v", got)
	}
}
