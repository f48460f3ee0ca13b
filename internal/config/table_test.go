package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// gunicornSetting is a line of testdata/gunicorn-settings.txt.
type gunicornSetting struct{ name, flags, byDefault string }

func gunicornSettings(t *testing.T) []gunicornSetting {
	t.Helper()
	data, err := os.ReadFile("testdata/gunicorn-settings.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []gunicornSetting
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		all = append(all, gunicornSetting{f[0], f[1], f[2]})
	}
	if len(all) != 119 {
		t.Fatalf("%d settings in testdata, want Gunicorn's 119", len(all))
	}
	return all
}

// ours are the settings that Gunicorn does not have.
var ours = append(append(oursAtTheEdge, oursOfASGI...), "hsts", "https_redirect", "tls_min_version", "idle_timeout", "max_lifetime", "max_memory", "prefetch", "python", "queue_limit", "queue_timeout", "request_timeout", "surge", "syslog_format", "verbose")

func TestTableHasEverySettingOfGunicorn(t *testing.T) {
	want := slices.Clone(ours)
	for _, g := range gunicornSettings(t) {
		want = append(want, g.name)
	}
	got := namesOf(func(*Setting) bool { return true })
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the table's names differ from Gunicorn's:\n got %q\nwant %q", got, want)
	}
}

func TestTableHasEveryFlagOfGunicorn(t *testing.T) {
	added := map[string]string{"limit_request_field_size": " --limit-request-field-size"}
	for _, g := range gunicornSettings(t) {
		s, _ := Lookup(g.name)
		want := strings.ReplaceAll(g.flags, ",", "") + added[g.name]
		if want == "(file only)" {
			want = ""
		}
		if got := strings.Join(s.Flags(), " "); got != want {
			t.Errorf("%s has the flags %q, Gunicorn has %q", g.name, got, want)
		}
	}
}

// TestTableHasTheDefaultsOfGunicorn compares what Gunicorn's own dump of the defaults can say; the rest depends on
// the machine or is a function.
func TestTableHasTheDefaultsOfGunicorn(t *testing.T) {
	special := map[string]string{
		"bind":                "['127.0.0.1:8000']",
		"workers":             "1",
		"worker_class":        "'auto'", // of our own: an ASGI application is known by its looks
		"sendfile":            "True",
		"chdir":               "None",
		"user":                "None",
		"group":               "None",
		"control_socket":      "None",
		"control_socket_mode": "384",
		"ssl_version":         "2",
		"cert_reqs":           "0",
		"syslog_addr":         "'udp://localhost:514'",
		"forwarded_allow_ips": "['127.0.0.1', '::1']",
		"proxy_allow_ips":     "['127.0.0.1', '::1']",
		"uwsgi_allow_ips":     "['127.0.0.1', '::1']",
		"forwarder_headers":   "['SCRIPT_NAME', 'PATH_INFO']",
		"http_protocols":      "['h2', 'h1']", // which nothing has to be installed for
		"certfile":            "[]",           // there may be several
		"keyfile":             "[]",
		"secure_scheme_headers": "{'X-FORWARDED-PROTO': 'https', 'X-FORWARDED-PROTOCOL': 'ssl', " +
			"'X-FORWARDED-SSL': 'on'}",
	}
	for _, g := range gunicornSettings(t) {
		s, _ := Lookup(g.name)
		want, ok := special[g.name]
		if !ok {
			want = g.byDefault
		}
		if s.Kind == Hook {
			want = "None"
		}
		if got := python(s.Default); got != want {
			t.Errorf("the default of %s is %s, Gunicorn's is %s", g.name, got, want)
		}
	}
}

// TestNotApplicableAreFew: what Gunicorn has and kirin has no use for is ssl_context.
func TestNotApplicableAreFew(t *testing.T) {
	want := []string{
		"ssl_context",
	}
	if got := namesOf(func(s *Setting) bool { return s.State == NotApplicable }); !slices.Equal(got, want) {
		t.Errorf("not applicable:\n got %q\nwant %q", got, want)
	}
}

// TestRowsAreSound holds every row against what the rest of the package takes for granted.
func TestRowsAreSound(t *testing.T) {
	seen := map[string]string{}
	for _, s := range Settings() {
		for _, flag := range s.Flags() {
			if seen[flag] != "" {
				t.Errorf("%s: the flag %s belongs to %s too", s.Name, flag, seen[flag])
			}
			seen[flag] = s.Name
		}
		if s.Help == "" || strings.HasSuffix(s.Help, ".") || strings.Contains(s.Help, "\n") {
			t.Errorf("%s: the help %q is to be one line without a full stop", s.Name, s.Help)
		}
		if s.Section == "" {
			t.Errorf("%s has no section", s.Name)
		}
		if len(s.Long) > 0 && s.takesValue() && s.Meta == "" {
			t.Errorf("%s: help has no word for the value of --%s", s.Name, s.Long[0])
		}
		if s.State < Implemented {
			t.Errorf("%s has no state", s.Name)
		}
		if (s.State > Implemented || s.Inert || s.Refused) && s.Note == "" || strings.HasSuffix(s.Note, ".") {
			t.Errorf("%s is %s: the note %q is to say how or why, without a full stop", s.Name, s.State, s.Note)
		}
	}
}

// TestDefaultsParseToThemselves is what lets a file spell out the default of a planned setting.
func TestDefaultsParseToThemselves(t *testing.T) {
	for _, s := range Settings() {
		raw := s.Default
		switch v := raw.(type) {
		case nil:
			continue
		case int:
			raw = number(v)
		case []string:
			raw = anys(v)
		}
		got, err := s.Parse(raw)
		if s.Name == "logger_class" || s.Kind == Hook {
			continue
		}
		if err != nil || !reflect.DeepEqual(got, s.Default) {
			t.Errorf("%s: the default %s parses to %v, %v", s.Name, python(s.Default), got, err)
		}
	}
}

func TestSectionsAreTogether(t *testing.T) {
	var order []string
	for _, s := range Settings() {
		if len(order) == 0 || order[len(order)-1] != s.Section {
			order = append(order, s.Section)
		}
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(order))); len(unique) != len(order) {
		t.Errorf("a section is begun twice: %q", order)
	}
}

func TestLookup(t *testing.T) {
	if s, ok := Lookup("keepalive"); !ok || s.Long[0] != "keep-alive" {
		t.Errorf("Lookup(keepalive) = %v, %v", s, ok)
	}
	if s, ok := Lookup("keep-alive"); ok {
		t.Errorf("Lookup(keep-alive) = %v, but that is no name", s)
	}
}
