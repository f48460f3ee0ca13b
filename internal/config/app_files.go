package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// fileDirectives are the directives of systemd.exec(5) with files that must be there: without one no process starts. The
// function gives the path in a word of the value.
var fileDirectives = map[string]func(word string) string{
	"LoadCredential": afterColon, "LoadCredentialEncrypted": afterColon, "EnvironmentFile": plainPath,
	"ReadWritePaths": plainPath, "ReadOnlyPaths": plainPath, "InaccessiblePaths": plainPath, "ExecPaths": plainPath, "NoExecPaths": plainPath,
	"BindPaths": beforeColon, "BindReadOnlyPaths": beforeColon,
}

func plainPath(word string) string { return strings.TrimPrefix(word, "+") }

func beforeColon(word string) string {
	path, _, _ := strings.Cut(word, ":")
	return plainPath(path)
}

func afterColon(word string) string {
	_, path, _ := strings.Cut(word, ":")
	return path
}

// checkFiles looks for the files that directives name. A later empty value takes the earlier ones back.
func (a *App) checkFiles() *Error {
	var first *Error
	for _, d := range a.asked {
		pathOf, names := fileDirectives[d.name]
		switch {
		case names && d.value == "" && first != nil && first.Setting == d.name:
			first = nil
		case names && first == nil:
			first = a.missing(d, pathOf)
		}
	}
	return first
}

// missing looks for the files of one directive.
func (a *App) missing(d asked, pathOf func(string) string) *Error {
	words, err := unitWords(d.value)
	if err != nil {
		return nil // systemd has its own opinion
	}
	for _, word := range words {
		path := pathOf(word)
		if !filepath.IsAbs(path) || strings.Contains(path, "%") || a.elsewhere(path) { // also what need not be there, as in -/srv/media
			continue
		}
		if _, err := os.Stat(filepath.Join(a.root, path)); err != nil && !hidden(err) {
			return &Error{Setting: d.name, Source: d.at, Problem: fmt.Sprintf("%s: %v", path, plainCause(err)), Mend: "no process starts without it: make it, or remove the line"}
		}
	}
	return nil
}
