package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func recognise(t *testing.T) *classifier {
	t.Helper()
	c, err := newClassifier()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const isc = `Copyright (c) 2020 A. Person
Copyright 2021 B. Person. All rights reserved.

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the
above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY
DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION,
ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.
`

func TestReadDir(t *testing.T) {
	l, err := recognise(t).readDir(folder(t, map[string]string{"LICENSE.md": isc, "NOTICE": "Made by us.\n", "main.go": "package main\n"}))
	if err != nil {
		t.Fatal(err)
	}
	if l.expression() != "ISC" || l.notice != "Made by us." || l.text != strings.TrimSpace(isc) {
		t.Errorf("%+v", l)
	}
	m := module{path: "example.org/m", version: "v1.0.0", licence: l}
	if got, want := holders(m), "2020 A. Person\n           2021 B. Person."; got != want {
		t.Errorf("the holders are %q, want %q", got, want)
	}
	var b bytes.Buffer
	writeFiles(&b, m)
	for _, part := range []string{"\nFiles: vendor/example.org/m/*\n", "\nLicense: ISC\n Copyright (c)", "\n .\n THE SOFTWARE", "\nComment: example.org/m v1.0.0\n NOTICE:\n Made by us.\n"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is not in\n%s", part, &b)
		}
	}
}

func TestReadDirRefuses(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"nothing": {"main.go": "package main\n"},
		"unknown": {"LICENSE": "You may do with this what the moon allows, on Tuesdays.\n"},
		"a hint":  {"COPYING": "This is licensed like Perl.\n"},
	} {
		if l, err := recognise(t).readDir(folder(t, files)); err == nil {
			t.Errorf("%s: %q", name, l.ids)
		}
	}
}

// TestSeveralLicences: a file with the licences of several hands has all of them.
func TestSeveralLicences(t *testing.T) {
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	l, err := recognise(t).readDir(folder(t, map[string]string{"LICENSE": isc + "\n------------------\n\nFiles: other/*\n\n" + string(own)}))
	if err != nil || l.expression() != "Apache-2.0 AND ISC" {
		t.Fatalf("%q, %v", l.ids, err)
	}
	var b bytes.Buffer
	writeFiles(&b, module{path: "example.org/m", version: "v1.0.0", licence: l})
	if !strings.Contains(b.String(), "\nLicense: Apache-2.0 and ISC\n Copyright (c) 2020 A. Person\n") {
		t.Errorf("the texts are not in\n%.300s", &b)
	}
	if !strings.Contains(b.String(), "in full: /usr/share/common-licenses/Apache-2.0\n") || strings.Contains(b.String(), "END OF TERMS") {
		t.Errorf("the text that every Debian system has is in\n%s", &b)
	}
}

func TestExpression(t *testing.T) {
	of := func(ids ...string) module { return module{licence: licence{ids: ids}} }
	var b bytes.Buffer
	p := &program{own: of("MIT"), modules: []module{of("MPL-2.0"), of("MIT"), of("Apache-2.0", "MIT"), of("MPL-2.0")}}
	if err := writeExpression(&b, p); err != nil || b.String() != "MIT AND Apache-2.0 AND MPL-2.0\n" {
		t.Errorf("%q, %v", &b, err)
	}
}
