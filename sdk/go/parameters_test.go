package trimtab

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"trimtab/wire"
)

// all holds a parameter of each type.
type all struct {
	flag    bool
	int     int64
	num     float64
	text    string
	span    time.Duration
	json    JSON
	maybe   Option[int64]
	pause   Option[time.Duration]
	flags   []bool
	ints    []int64
	nums    []float64
	texts   []string
	spans   []time.Duration
	omitted Option[string]
}

func (a *all) declare(p *Parameters) {
	Declare(p, &a.flag, "flag", "").Default(true)
	Declare(p, &a.int, "int", "").Default(-3).Range(-5, 5)
	Declare(p, &a.num, "num", "")
	Declare(p, &a.text, "text", "A text.").Default("a").Choices("a", "b")
	Declare(p, &a.span, "span", "").Default(time.Minute).Min(1000)
	Declare(p, &a.json, "json", "").Default("{}").Schema(`{"type":"object"}`)
	Declare(p, &a.maybe, "maybe", "").Max(9)
	Declare(p, &a.pause, "pause", "")
	Declare(p, &a.flags, "flags", "").Default(nil)
	Declare(p, &a.ints, "ints", "")
	Declare(p, &a.nums, "nums", "")
	Declare(p, &a.texts, "texts", "")
	Declare(p, &a.spans, "spans", "").Default([]time.Duration{time.Second})
	Declare(p, &a.omitted, "omitted", "")
}

func TestADeclarationIsTheManifestsEntry(t *testing.T) {
	var p Parameters
	new(all).declare(&p)
	kinds := []string{}
	for _, one := range p.declared {
		kinds = append(kinds, one.Kind)
	}
	want := []string{
		"bool", "s64", "f64", "text", "duration", "json", "s64", "duration",
		"list<bool>", "list<s64>", "list<f64>", "list<text>", "list<duration>", "text",
	}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds are %v", kinds)
	}
	text := wire.Parameter{
		Name: "text", Kind: "text", Default: wire.ParamValueText("a"), Choices: []string{"a", "b"}, Doc: "A text.",
	}
	if !reflect.DeepEqual(p.declared[3], text) {
		t.Errorf("the text is %+v", p.declared[3])
	}
	if least, given := p.declared[1].Min.Get(); !given || least != -5 {
		t.Errorf("the least int is %v", least)
	}
	for i, required := range []bool{false, false, true, false, false, false, false, false, false, true, true, true, false, false} {
		if p.declared[i].Required != required {
			t.Errorf("whether %s is required is %v", p.declared[i].Name, !required)
		}
	}
	if got := p.declared[12].Default; !reflect.DeepEqual(got, wire.ParamValueDurationsMs{1000}) {
		t.Errorf("the spans are %v by default", got)
	}
}

func TestValuesComeBackTyped(t *testing.T) {
	var p Parameters
	var a all
	a.declare(&p)
	err := p.fill([]wire.ParamValue{
		wire.ParamValueFlag(true), wire.ParamValueInt(4), wire.ParamValueNum(0.5), wire.ParamValueText("b"),
		wire.ParamValueDurationMs(1500), wire.ParamValueJSON("[]"), wire.ParamValueInt(0), wire.ParamValueDurationMs(math.MaxUint64),
		wire.ParamValueFlags{true, false}, wire.ParamValueInts{1}, wire.ParamValueNums{2}, wire.ParamValueTexts{"x"},
		wire.ParamValueDurationsMs{250}, wire.ParamValueUnset{},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := all{
		flag: true, int: 4, num: 0.5, text: "b", span: 1500 * time.Millisecond, json: "[]", maybe: Some(int64(0)),
		pause: Some(time.Duration(math.MaxInt64 / int64(time.Millisecond) * int64(time.Millisecond))),
		flags: []bool{true, false}, ints: []int64{1}, nums: []float64{2}, texts: []string{"x"},
		spans: []time.Duration{250 * time.Millisecond},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("they are %+v", a)
	}
}

func TestValuesOfAnotherTypeAreRefused(t *testing.T) {
	var p Parameters
	var x float64
	var names []string
	Declare(&p, &x, "x", "")
	Declare(&p, &names, "names", "")
	for text, values := range map[string][]wire.ParamValue{
		"parameter `x` is not of type f64":            {wire.ParamValueInt(1), wire.ParamValueTexts{}},
		"parameter `names` is not of type list<text>": {wire.ParamValueNum(1), wire.ParamValueInts{}},
		"there are 1 values for 2 parameters":         {wire.ParamValueNum(1)},
	} {
		var refusal *Refusal
		if err := p.fill(values); !errors.As(err, &refusal) || refusal.Kind != KindParameterWrong || refusal.Text != text {
			t.Errorf("it says %v, not %s", err, text)
		}
	}
}
