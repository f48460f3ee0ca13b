package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Parse turns a text (of a flag or a variable), the texts of a repeated flag, or a value of encoding/json (with
// json.Number) into the Go type of the setting's kind, as Gunicorn would take it, and checks it. The error says what
// is wrong and not where.
func (s *Setting) Parse(raw any) (any, error) {
	if s.before != nil {
		raw = s.before(raw)
	}
	v, err := s.convert(raw)
	if err != nil {
		return nil, err
	}
	if err := s.choose(v); err != nil {
		return nil, err
	}
	if s.check != nil {
		return s.check(v)
	}
	return v, nil
}

func (s *Setting) convert(raw any) (any, error) {
	switch s.Kind {
	case String, Class:
		return parseString(raw)
	case Int:
		return parseInt(raw, decimal, s.most())
	case Mode:
		return parseInt(raw, octal, math.MaxInt32)
	case Bool:
		return parseBool(raw)
	case List:
		return parseList(raw)
	case CommaList:
		return parseCommaList(raw)
	case Dict:
		return parseDict(raw)
	case Owner:
		return parseOwner(raw)
	default:
		return nil, errors.New("a hook is a function in the configuration file")
	}
}

// choose holds a text against the words that are allowed. A class is checked by its row, for it has other names too.
func (s *Setting) choose(v any) error {
	text, ok := v.(string)
	if !ok || s.Kind != String || len(s.Choices) == 0 || slices.Contains(s.Choices, strings.ToLower(text)) {
		return nil
	}
	return fmt.Errorf("%q is none of %s", text, strings.Join(s.Choices, ", "))
}

func parseString(raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		return nil, nil
	case string:
		if strings.ContainsRune(v, 0) {
			return nil, errors.New("a NUL character is not allowed")
		}
		return strings.TrimSpace(v), nil
	}
	return nil, wrongType(raw, "a string")
}

// decimal reads what Python's int() does: base prefixes, underscores, and 08 as eight.
func decimal(text string) (int64, error) {
	if digits := strings.TrimLeft(text, "0"); len(digits) < len(text) && onlyDigits(text) {
		return strconv.ParseInt("0"+digits, 10, 64)
	}
	return strconv.ParseInt(text, 0, 64)
}

// octal reads a mode as a shell user writes it: 022 and 0o22 are octal, 22 is not.
func octal(text string) (int64, error) { return strconv.ParseInt(text, 0, 64) }

func onlyDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// most is the largest number that a setting may be.
func (s *Setting) most() int64 {
	if s.Large {
		return math.MaxInt
	}
	return math.MaxInt32
}

func parseInt(raw any, read func(string) (int64, error), most int64) (any, error) {
	switch v := raw.(type) {
	case bool:
		return int(map[bool]int{true: 1}[v]), nil
	case json.Number:
		return inRange(most)(strconv.ParseInt(v.String(), 10, 64))
	case string:
		return inRange(most)(read(strings.TrimSpace(v)))
	}
	return nil, wrongType(raw, "a whole number")
}

func inRange(most int64) func(int64, error) (any, error) {
	return func(n int64, err error) (any, error) { return ranged(n, most, err) }
}

func ranged(n, most int64, err error) (any, error) {
	var bad *strconv.NumError
	switch {
	case errors.As(err, &bad) && errors.Is(err, strconv.ErrRange), n > most:
		return nil, fmt.Errorf("the number is too large; the most is %d", most)
	case errors.As(err, &bad):
		return nil, fmt.Errorf("%q is not a whole number", bad.Num)
	case n < 0:
		return nil, fmt.Errorf("%d is negative", n)
	}
	return int(n), nil
}

func parseBool(raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		return nil, nil
	case bool:
		return v, nil
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, fmt.Errorf("%q is neither true nor false", v)
	}
	return nil, wrongType(raw, "True or False")
}

func parseList(raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		return []string{}, nil
	case string:
		if v == "" {
			return []string{}, nil
		}
		return stringsOf([]any{v})
	case []string:
		return stringsOf(anys(v))
	case []any:
		return stringsOf(v)
	}
	return nil, wrongType(raw, "a string or a list of strings")
}

func stringsOf(items []any) ([]string, error) {
	list := make([]string, 0, len(items))
	for _, item := range items {
		v, err := parseString(item)
		if err != nil {
			return nil, err
		}
		text, ok := v.(string)
		if !ok {
			return nil, wrongType(item, "a list of strings")
		}
		list = append(list, text)
	}
	return list, nil
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, t := range texts {
		list[i] = t
	}
	return list
}

// parseCommaList reads a text with commas. A list is taken too, which is what a writer of Python expects.
func parseCommaList(raw any) (any, error) {
	if text, ok := raw.(string); ok {
		raw = splitCommas(text)
	}
	return parseList(raw)
}

func splitCommas(text string) []string {
	list := []string{}
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func parseDict(raw any) (any, error) {
	if v, ok := raw.(map[string]any); ok {
		return v, nil
	}
	return nil, wrongType(raw, "a dictionary")
}

// parseOwner reads a user or a group: nothing, a number, or a name.
func parseOwner(raw any) (any, error) {
	switch v := raw.(type) {
	case nil:
		return nil, nil
	case string:
		if v = strings.TrimSpace(v); !onlyDigits(v) {
			return v, nil
		}
		return inRange(math.MaxInt32)(decimal(v))
	}
	return parseInt(raw, decimal, math.MaxInt32)
}

func wrongType(raw any, want string) error {
	return fmt.Errorf("%s is not %s", python(raw), want)
}
