package config

import (
	"errors"
	"strings"
)

var errUnclosed = errors.New("a quotation mark or a backslash is without its other half")

// splitWords splits a text as Python's shlex.split does, which is how Gunicorn reads GUNICORN_CMD_ARGS: quotes as in
// a POSIX shell, but no comments, and in double quotes a backslash escapes only itself and the quote.
func splitWords(text string) ([]string, error) {
	words := []string{}
	for {
		text = strings.TrimLeft(text, " \t\r\n")
		if text == "" {
			return words, nil
		}
		word, rest, err := cutWord(text)
		if err != nil {
			return nil, err
		}
		words, text = append(words, word), rest
	}
}

// cutWord reads the word that text begins with.
func cutWord(text string) (word, rest string, err error) {
	var b strings.Builder
	for text != "" {
		c := text[0]
		text = text[1:]
		switch c {
		case ' ', '\t', '\r', '\n':
			return b.String(), text, nil
		case '\'', '"':
			if text, err = cutQuoted(&b, text, c); err != nil {
				return "", "", err
			}
		case '\\':
			if text == "" {
				return "", "", errUnclosed
			}
			b.WriteByte(text[0])
			text = text[1:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", nil
}

// cutQuoted reads what stands before the closing quotation mark.
func cutQuoted(b *strings.Builder, text string, mark byte) (rest string, err error) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == mark {
			return text[i+1:], nil
		}
		if c == '\\' && mark == '"' && i+1 < len(text) && (text[i+1] == '\\' || text[i+1] == mark) {
			i++
			c = text[i]
		}
		b.WriteByte(c)
	}
	return "", errUnclosed
}
