package rehearsal

import (
	"fmt"
	"math"
	"strings"
	"time"

	"trimtab"
	"trimtab/wire"
)

// values are the settings in the manifest's order, with defaults, checked as the host checks a binding.
func values(declared []wire.Parameter, settings map[string]any) ([]wire.ParamValue, *wire.Refusal) {
	for name := range settings {
		known := false
		for _, one := range declared {
			known = known || one.Name == name
		}
		if !known {
			return nil, wrong("there is no parameter `%s`", name)
		}
	}
	list := make([]wire.ParamValue, len(declared))
	for i, one := range declared {
		setting, given := settings[one.Name]
		if !given {
			if one.Required {
				return nil, wrong("parameter `%s` is required", one.Name)
			}
			list[i] = one.Default
			continue
		}
		value, ok := convert(one.Kind, setting)
		if !ok {
			return nil, wrong("parameter `%s` is not of type %s", one.Name, one.Kind)
		}
		if refusal := checked(one, value); refusal != nil {
			return nil, refusal
		}
		list[i] = value
	}
	return list, nil
}

func wrong(format string, values ...any) *wire.Refusal {
	return &wire.Refusal{Kind: trimtab.KindParameterWrong, Text: fmt.Sprintf(format, values...)}
}

func checked(declared wire.Parameter, value wire.ParamValue) *wire.Refusal {
	least, hasLeast := declared.Min.Get()
	most, hasMost := declared.Max.Get()
	for _, number := range numbers(value) {
		if math.IsNaN(number) || math.IsInf(number, 0) {
			return wrong("parameter `%s` is not a finite number", declared.Name)
		}
		if hasLeast && number < least {
			return wrong("parameter `%s` is %v, and must be %v or more", declared.Name, number, least)
		}
		if hasMost && number > most {
			return wrong("parameter `%s` is %v, and must be %v or less", declared.Name, number, most)
		}
	}
	var texts []string
	switch value := value.(type) {
	case wire.ParamValueText:
		texts = []string{string(value)}
	case wire.ParamValueTexts:
		texts = value
	}
	for _, text := range texts {
		if len(declared.Choices) > 0 && !contains(declared.Choices, text) {
			return wrong("parameter `%s` is `%s`, none of %s", declared.Name, text, strings.Join(declared.Choices, ", "))
		}
	}
	return nil
}

func numbers(value wire.ParamValue) []float64 {
	switch value := value.(type) {
	case wire.ParamValueInt:
		return []float64{float64(value)}
	case wire.ParamValueNum:
		return []float64{float64(value)}
	case wire.ParamValueDurationMs:
		return []float64{float64(value)}
	case wire.ParamValueInts:
		return floats(value)
	case wire.ParamValueNums:
		return value
	case wire.ParamValueDurationsMs:
		return floats(value)
	}
	return nil
}

func floats[T int64 | uint64](all []T) []float64 {
	list := make([]float64, len(all))
	for i, one := range all {
		list[i] = float64(one)
	}
	return list
}

func convert(kind string, setting any) (wire.ParamValue, bool) {
	if item, isList := strings.CutPrefix(kind, "list<"); isList {
		return convertList(strings.TrimSuffix(item, ">"), setting)
	}
	switch kind {
	case "bool":
		flag, ok := setting.(bool)
		return wire.ParamValueFlag(flag), ok
	case "s64":
		number, ok := whole(setting)
		return wire.ParamValueInt(number), ok
	case "f64":
		if number, ok := whole(setting); ok {
			return wire.ParamValueNum(number), true
		}
		number, ok := setting.(float64)
		return wire.ParamValueNum(number), ok
	case "text":
		text, ok := setting.(string)
		return wire.ParamValueText(text), ok
	case "duration":
		span, ok := setting.(time.Duration)
		return wire.ParamValueDurationMs(span.Milliseconds()), ok && span >= 0
	case "json":
		text, ok := setting.(string)
		return wire.ParamValueJSON(text), ok
	}
	return nil, false
}

func whole(setting any) (int64, bool) {
	switch setting := setting.(type) {
	case int:
		return int64(setting), true
	case int64:
		return setting, true
	}
	return 0, false
}

func convertList(item string, setting any) (wire.ParamValue, bool) {
	switch list := setting.(type) {
	case []bool:
		return wire.ParamValueFlags(list), item == "bool"
	case []int64:
		return wire.ParamValueInts(list), item == "s64"
	case []float64:
		return wire.ParamValueNums(list), item == "f64"
	case []string:
		return wire.ParamValueTexts(list), item == "text"
	case []time.Duration:
		spans := make([]uint64, len(list))
		for i, span := range list {
			spans[i] = uint64(max(span.Milliseconds(), 0))
		}
		return wire.ParamValueDurationsMs(spans), item == "duration"
	}
	return nil, false
}
