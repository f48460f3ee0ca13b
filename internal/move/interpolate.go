package move

import (
	"fmt"
	"strings"
)

// interpolate puts variables in as compose does: $NAME, ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?error}, ${NAME?error},
// ${NAME:+other}, ${NAME+other}; $$ is a dollar. A default may hold variables itself.
func interpolate(text string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		case strings.HasPrefix(after, "{"):
			end := closing(after)
			if end < 0 {
				return "", fmt.Errorf("%q lacks the }", "$"+after)
			}
			value, err := braced(after[1:end], lookup)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = after[end+1:]
		default:
			name := after[:nameLength(after)]
			if name == "" {
				b.WriteByte('$')
			}
			value, _ := lookup(name)
			b.WriteString(value)
			text = after[len(name):]
		}
	}
}

// closing is the index of the brace that closes the first one.
func closing(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func nameLength(text string) int {
	for i, r := range text {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return i
		}
	}
	return len(text)
}

// braced is the value of what stands between braces.
func braced(text string, lookup func(string) (string, bool)) (string, error) {
	n := nameLength(text)
	name, rest := text[:n], text[n:]
	value, set := lookup(name)
	if strings.HasPrefix(rest, ":") {
		set, rest = set && value != "", rest[1:]
	}
	if name == "" || rest == "" && strings.HasSuffix(text, ":") {
		return "", fmt.Errorf("${%s} is not a variable", text)
	}
	if rest == "" {
		return value, nil
	}
	other := rest[1:]
	switch rest[0] {
	case '-':
		if set {
			return value, nil
		}
		return interpolate(other, lookup)
	case '+':
		if !set {
			return "", nil
		}
		return interpolate(other, lookup)
	case '?':
		if !set {
			return "", fmt.Errorf("the variable %s is needed: %s", name, other)
		}
		return value, nil
	}
	return "", fmt.Errorf("${%s} is not a variable", text)
}
