package trimtab

import (
	"time"

	"trimtab/wire"
)

// Option is a value that may be missing: read it by its method Get.
type Option[T any] = wire.Option[T]

// JSON is a parameter's JSON text, checked by the host against its schema.
type JSON string

// Single is a type of parameter of one value. A [time.Duration] crosses in whole milliseconds.
type Single interface {
	bool | int64 | float64 | string | time.Duration | JSON
}

// ParameterType is one value, an [Option] of one for a parameter that may be left out, or a list.
type ParameterType interface {
	Single | Option[bool] | Option[int64] | Option[float64] | Option[string] | Option[time.Duration] | Option[JSON] |
		[]bool | []int64 | []float64 | []string | []time.Duration
}

// Parameters is what a policy declares of its parameters.
type Parameters struct {
	declared []wire.Parameter
	// One for each: puts a value into its variable; false for a value of another type.
	setters []func(wire.ParamValue) bool
}

// Declaration is one parameter that is being declared.
type Declaration[T ParameterType] struct {
	p     *Parameters
	index int
}

// Declare declares a parameter once: its variable, which is filled in before Needs and Evaluate are called, its name (lower-case
// letters, digits and "_") and a sentence for the operator. It is required unless it has a default or is an [Option].
func Declare[T ParameterType](p *Parameters, to *T, name, doc string) *Declaration[T] {
	kind, optional := kindOf(to)
	p.declared = append(p.declared, wire.Parameter{
		Name: name, Kind: kind, Default: wire.ParamValueUnset{}, Required: !optional, Doc: doc,
	})
	p.setters = append(p.setters, func(value wire.ParamValue) bool { return set(to, value) })
	return &Declaration[T]{p, len(p.declared) - 1}
}

func (d *Declaration[T]) parameter() *wire.Parameter { return &d.p.declared[d.index] }

// Default is the value where the operator gives none.
func (d *Declaration[T]) Default(value T) *Declaration[T] {
	d.parameter().Default, d.parameter().Required = toWire(&value), false
	return d
}

// Min is the least number; for a duration in milliseconds, for a list of each item.
func (d *Declaration[T]) Min(least float64) *Declaration[T] {
	d.parameter().Min = wire.Some(least)
	return d
}

// Max is the greatest number, likewise.
func (d *Declaration[T]) Max(most float64) *Declaration[T] {
	d.parameter().Max = wire.Some(most)
	return d
}

// Range is Min and Max.
func (d *Declaration[T]) Range(least, most float64) *Declaration[T] { return d.Min(least).Max(most) }

// Choices are the texts allowed; for a list, as each item.
func (d *Declaration[T]) Choices(texts ...string) *Declaration[T] {
	d.parameter().Choices = texts
	return d
}

// Schema is the JSON Schema that a [JSON] fits.
func (d *Declaration[T]) Schema(schema string) *Declaration[T] {
	d.parameter().Schema = schema
	return d
}

// fill puts values, which cross in the order of the declarations, into the variables.
func (p *Parameters) fill(values []wire.ParamValue) error {
	if len(values) != len(p.setters) {
		return ParameterWrong("there are " + count(len(values)) + " values for " + count(len(p.setters)) + " parameters")
	}
	for i, value := range values {
		if !p.setters[i](value) {
			return ParameterWrong("parameter `" + p.declared[i].Name + "` is not of type " + p.declared[i].Kind)
		}
	}
	return nil
}

// kindOf returns the contract's word for the type of a variable, and whether it may be left out.
func kindOf(to any) (kind string, optional bool) {
	switch to.(type) {
	case *bool:
		return "bool", false
	case *int64:
		return "s64", false
	case *float64:
		return "f64", false
	case *string:
		return "text", false
	case *time.Duration:
		return "duration", false
	case *JSON:
		return "json", false
	case *Option[bool]:
		return "bool", true
	case *Option[int64]:
		return "s64", true
	case *Option[float64]:
		return "f64", true
	case *Option[string]:
		return "text", true
	case *Option[time.Duration]:
		return "duration", true
	case *Option[JSON]:
		return "json", true
	case *[]bool:
		return "list<bool>", false
	case *[]int64:
		return "list<s64>", false
	case *[]float64:
		return "list<f64>", false
	case *[]string:
		return "list<text>", false
	default:
		return "list<duration>", false
	}
}

// toWire is the value of a variable as it crosses.
func toWire(from any) wire.ParamValue {
	switch from := from.(type) {
	case *bool:
		return wire.ParamValueFlag(*from)
	case *int64:
		return wire.ParamValueInt(*from)
	case *float64:
		return wire.ParamValueNum(*from)
	case *string:
		return wire.ParamValueText(*from)
	case *time.Duration:
		return wire.ParamValueDurationMs(milliseconds(*from))
	case *JSON:
		return wire.ParamValueJSON(*from)
	case *Option[bool]:
		return optionToWire(*from)
	case *Option[int64]:
		return optionToWire(*from)
	case *Option[float64]:
		return optionToWire(*from)
	case *Option[string]:
		return optionToWire(*from)
	case *Option[time.Duration]:
		return optionToWire(*from)
	case *Option[JSON]:
		return optionToWire(*from)
	case *[]bool:
		return wire.ParamValueFlags(*from)
	case *[]int64:
		return wire.ParamValueInts(*from)
	case *[]float64:
		return wire.ParamValueNums(*from)
	case *[]string:
		return wire.ParamValueTexts(*from)
	case *[]time.Duration:
		spans := make([]uint64, len(*from))
		for i, span := range *from {
			spans[i] = milliseconds(span)
		}
		return wire.ParamValueDurationsMs(spans)
	}
	return wire.ParamValueUnset{}
}

func optionToWire[T Single](from Option[T]) wire.ParamValue {
	if value, given := from.Get(); given {
		return toWire(&value)
	}
	return wire.ParamValueUnset{}
}

// set puts a value that crossed into a variable.
func set(to any, value wire.ParamValue) bool {
	switch to := to.(type) {
	case *bool:
		flag, ok := value.(wire.ParamValueFlag)
		*to = bool(flag)
		return ok
	case *int64:
		number, ok := value.(wire.ParamValueInt)
		*to = int64(number)
		return ok
	case *float64:
		number, ok := value.(wire.ParamValueNum)
		*to = float64(number)
		return ok
	case *string:
		text, ok := value.(wire.ParamValueText)
		*to = string(text)
		return ok
	case *JSON:
		text, ok := value.(wire.ParamValueJSON)
		*to = JSON(text)
		return ok
	case *time.Duration:
		ms, ok := value.(wire.ParamValueDurationMs)
		*to = duration(uint64(ms))
		return ok
	case *Option[bool]:
		return setOption(to, value)
	case *Option[int64]:
		return setOption(to, value)
	case *Option[float64]:
		return setOption(to, value)
	case *Option[string]:
		return setOption(to, value)
	case *Option[time.Duration]:
		return setOption(to, value)
	case *Option[JSON]:
		return setOption(to, value)
	}
	return setList(to, value)
}

func setList(to any, value wire.ParamValue) bool {
	switch value := value.(type) {
	case wire.ParamValueFlags:
		return put(to, []bool(value))
	case wire.ParamValueInts:
		return put(to, []int64(value))
	case wire.ParamValueNums:
		return put(to, []float64(value))
	case wire.ParamValueTexts:
		return put(to, []string(value))
	case wire.ParamValueDurationsMs:
		spans := make([]time.Duration, len(value))
		for i, ms := range value {
			spans[i] = duration(ms)
		}
		return put(to, spans)
	}
	return false
}

func setOption[T Single](to *Option[T], value wire.ParamValue) bool {
	if _, unset := value.(wire.ParamValueUnset); unset {
		*to = wire.None[T]()
		return true
	}
	var some T
	ok := set(&some, value)
	*to = wire.Some(some)
	return ok
}

func put[T any](to any, value T) bool {
	variable, ok := to.(*T)
	if ok {
		*variable = value
	}
	return ok
}
