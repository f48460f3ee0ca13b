package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// unquote takes the quotes off a value that is one quoted word, and reads the escapes in it (systemd.syntax(7)). Any
// other value stands as it is, so that app:create("x") needs none.
func unquote(value string) string {
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return value
	}
	word, rest, err := unitWord(value)
	if err != nil || rest != "" { // not one word: the quotes are the value's own
		return value
	}
	return word
}

// unitWords splits a value into words, as systemd splits Environment=.
func unitWords(value string) ([]string, error) {
	var words []string
	for {
		value = strings.TrimLeft(value, blanks)
		if value == "" {
			return words, nil
		}
		word, rest, err := unitWord(value)
		if err != nil {
			return nil, err
		}
		words, value = append(words, word), rest
	}
}

// unitWord reads the word that a text begins with. Escapes count inside and outside of quotes.
func unitWord(text string) (word, rest string, err error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			n, err := unescape(&b, text[i+1:])
			if err != nil {
				return "", "", err
			}
			i += n
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			return b.String(), strings.TrimLeft(text[i:], blanks), nil
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", "", fmt.Errorf("the quote %c is not closed", quote)
	}
	return b.String(), "", nil
}

// unescape reads what follows a backslash and says how many bytes that was.
func unescape(b *strings.Builder, text string) (int, error) {
	if text == "" {
		return 0, errors.New("a backslash is without its other half")
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[0]]
	switch {
	case digits > 0:
		return digits + 1, unescapeNumber(b, text[1:], digits, 16, text[0] == 'x')
	case text[0] >= '0' && text[0] <= '7':
		return 3, unescapeNumber(b, text, 3, 8, true)
	}
	i := strings.IndexByte(`abfnrtv\"'s`, text[0])
	if i < 0 {
		return 0, fmt.Errorf(`there is no escape \%c; a backslash itself is written \\`, []rune(text)[0])
	}
	b.WriteByte("\a\b\f\n\r\t\v\\\"' "[i])
	return 1, nil
}

func unescapeNumber(b *strings.Builder, text string, digits, base int, isByte bool) error {
	if len(text) < digits {
		return errors.New("an escape is too short")
	}
	n, err := strconv.ParseUint(text[:digits], base, 32)
	switch {
	case err != nil || n == 0 || isByte && n > 0xff || !isByte && !utf8.ValidRune(rune(n)):
		return fmt.Errorf("%q is not the number of a character", text[:digits])
	case isByte:
		b.WriteByte(byte(n))
	default:
		b.WriteRune(rune(n))
	}
	return nil
}

// expand replaces specifiers (systemd.unit(5)).
func expand(name, text string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after == "" {
			return "", errors.New("a percent sign is written %%")
		}
		_, size := utf8.DecodeRuneInString(after)
		value, ok := specifier(name, after[:size])
		if !ok {
			return "", fmt.Errorf("%%%s is not a specifier that is known here; a percent sign is written %%%%", after[:size])
		}
		b.WriteString(value)
		text = after[size:]
	}
}
