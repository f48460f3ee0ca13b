package config

import (
	"fmt"
	"strings"
)

// Manual pages are made of Markdown with definition lists, which go-md2man reads.

// ManualKeys are the keys of [App] that do something, for kirin.conf(5).
func ManualKeys() string {
	return manual(func(s *Setting) string {
		if _, no := elsewhere[s.Name]; no || s.AppKey() == "" {
			return ""
		}
		return "**" + s.AppKey() + "=**"
	})
}

// ManualFlags are the flags of "kirin run" that do something, for kirin(1).
func ManualFlags() string {
	return manual(func(s *Setting) string {
		var flags []string
		for _, flag := range s.Flags() {
			flag = "**" + flag + "**"
			if s.Meta != "" && s.Kind != Bool {
				flag += " *" + s.Meta + "*"
			}
			flags = append(flags, flag)
		}
		return strings.Join(flags, ", ")
	})
}

// manual is a definition list of the settings that do something; those for which term is empty are left out.
func manual(term func(*Setting) string) string {
	var b strings.Builder
	for _, s := range table {
		head := term(s)
		if head == "" || !s.Works() {
			continue
		}
		fmt.Fprintf(&b, "%s\n: %s Default: %s.\n\n", head, plainMarkdown(s.description()), plainMarkdown(s.ShownDefault()))
	}
	return b.String()
}

// plainMarkdown keeps a text from being read as anything but text.
func plainMarkdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", `\<`, "[", `\[`).Replace(text)
}
