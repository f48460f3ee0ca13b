package main

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// common are the licences whose text every Debian system has (Debian Policy 12.5).
var common = map[string]string{
	"Apache-2.0": "/usr/share/common-licenses/Apache-2.0",
	"MPL-2.0":    "/usr/share/common-licenses/MPL-2.0",
}

// writeCopyright writes the machine-readable copyright file of Debian (copyright-format/1.0).
func writeCopyright(w io.Writer, p *program) error {
	fmt.Fprintf(w, `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: kirin
Source: https://%s
Comment: The modules below are linked into /usr/bin/kirin; their paths are those that "go mod vendor" would give them.

Files: *
Copyright: the kirin authors
License: %s
`, p.own.path, p.own.licence.expression())
	used := map[string]bool{p.own.licence.expression(): true}
	for _, m := range p.modules {
		writeFiles(w, m)
		used[m.licence.expression()] = true
	}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if place, ok := common[id]; ok {
			fmt.Fprintf(w, "\nLicense: %s\n On Debian systems, the full text of this licence is in\n %s.\n", id, place)
		}
	}
	return nil
}

// writeFiles writes the paragraph of one module.
func writeFiles(w io.Writer, m module) {
	files, name := "vendor/"+m.path+"/*", m.path+" "+m.version
	if m.path == standard {
		files, name = "vendor/go/*", "the standard library of Go "+m.version
	}
	fmt.Fprintf(w, "\nFiles: %s\nCopyright: %s\nLicense: %s\n", files, holders(m), strings.Join(m.licence.ids, " and "))
	if _, ok := common[m.licence.expression()]; !ok {
		io.WriteString(w, indent(shortened(m.licence.text)))
	}
	fmt.Fprintf(w, "Comment: %s\n", name)
	if m.licence.notice != "" {
		io.WriteString(w, indent("NOTICE:\n"+m.licence.notice))
	}
}

var apache = regexp.MustCompile(`(?s)[ \t]*Apache License\s+Version 2\.0, January 2004.*?limitations under the License\.`)

// shortened is a text of several licences without the one that every Debian system has.
func shortened(text string) string {
	return apache.ReplaceAllLiteralString(text, "The Apache License, Version 2.0, in full: "+common["Apache-2.0"])
}

var lead = regexp.MustCompile(`(?i)^copyright +(\(c\) *|© *)?`)

// holders are who claims the copyright, one a line.
func holders(m module) string {
	claimed := slices.Concat(m.licence.copyrights, claims(m.licence.notice))
	if len(claimed) == 0 {
		return "the authors of " + m.path
	}
	lines := make([]string, len(claimed))
	for i, line := range claimed {
		lines[i] = strings.TrimSuffix(lead.ReplaceAllString(line, ""), " All rights reserved.")
	}
	return strings.Join(lines, "\n           ")
}

// indent makes a text the continuation of a field (deb822(5)).
func indent(text string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r\f")
		if line == "" {
			line = "."
		}
		b.WriteString(" " + strings.ReplaceAll(line, "\f", "") + "\n")
	}
	return b.String()
}

// writeLicences writes every licence in full, as those want who have no common place for them.
func writeLicences(w io.Writer, p *program) error {
	const rule = "========================================================================"
	for _, m := range p.modules {
		name := m.path
		if name == standard {
			name = "the standard library of Go"
		}
		fmt.Fprintf(w, "%s\n%s %s (%s)\n%s\n\n%s\n\n", rule, name, m.version, m.licence.expression(), rule, m.licence.text)
		if m.licence.notice != "" {
			fmt.Fprintf(w, "NOTICE:\n%s\n\n", m.licence.notice)
		}
	}
	return nil
}

// writeExpression writes all licences as one SPDX expression, the program's own first.
func writeExpression(w io.Writer, p *program) error {
	ids := slices.Clone(p.own.licence.ids)
	used := map[string]bool{}
	for _, m := range p.modules {
		for _, id := range m.licence.ids {
			used[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if !slices.Contains(p.own.licence.ids, id) {
			ids = append(ids, id)
		}
	}
	_, err := fmt.Fprintln(w, strings.Join(ids, " AND "))
	return err
}
