package config

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseArgs(t *testing.T) {
	for line, want := range map[string]map[string]given{
		"":                        {},
		"-w4":                     {"workers": {"--workers", []string{"4"}}},
		"-w 4":                    {"workers": {"--workers", []string{"4"}}},
		"--workers=4":             {"workers": {"--workers", []string{"4"}}},
		"--workers 4 --workers 5": {"workers": {"--workers", []string{"5"}}},
		"--work 4":                {}, // could be four settings
		"--workers -1":            {"workers": {"--workers", []string{"-1"}}},
		"--thr 4":                 {"threads": {"--threads", []string{"4"}}},
		"--keep=7":                {"keepalive": {"--keep-alive", []string{"7"}}},
		"-b a:1 --bind b:2":       {"bind": {"--bind", []string{"a:1", "b:2"}}},
		"--bind --x":              {"bind": {"--bind", []string{"--x"}}},
		"--reload":                {"reload": {"--reload", []string{"true"}}},
		"--reload=false":          {"reload": {"--reload", []string{"false"}}},
		"--no-sendfile":           {"sendfile": {"--no-sendfile", []string{"false"}}},
		"--proxy-protocol":        {"proxy_protocol": {"--proxy-protocol", []string{"auto"}}},
		"--proxy-protocol=v2":     {"proxy_protocol": {"--proxy-protocol", []string{"v2"}}},
		"--log-file -":            {"errorlog": {"--log-file", []string{"-"}}},
		"--error-logfile -":       {"errorlog": {"--error-logfile", []string{"-"}}},
		"--access-logf x":         {}, // --access-logfile or --access-logformat
		"--limit-request-field_size 9": {
			"limit_request_field_size": {"--limit-request-field_size", []string{"9"}},
		},
		"--limit-request-field-size 9": {
			"limit_request_field_size": {"--limit-request-field-size", []string{"9"}},
		},
		"-e A=1 -e B=2": {"raw_env": {"--env", []string{"A=1", "B=2"}}},
		"-n shop -p x.pid -u www -g www -m 022 -k sync -t 9 -c f.py": {
			"proc_name": {"--name", []string{"shop"}}, "pidfile": {"--pid", []string{"x.pid"}},
			"user": {"--user", []string{"www"}}, "group": {"--group", []string{"www"}},
			"umask": {"--umask", []string{"022"}}, "worker_class": {"--worker-class", []string{"sync"}},
			"timeout": {"--timeout", []string{"9"}}, "config": {"--config", []string{"f.py"}},
		},
	} {
		args, err := ParseArgs(strings.Fields(line))
		if len(want) == 0 && line != "" {
			if err == nil {
				t.Errorf("%q is taken as %v", line, args.given)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(args.given, want) {
			t.Errorf("%q: got %v, %v\nwant %v", line, args, err, want)
		}
	}
}

func TestParseArgsApplication(t *testing.T) {
	for line, want := range map[string][]string{
		"app:app":                 {"app:app"},
		"app:app -w 4":            {"app:app"},
		"-w 4 app:app --reload":   {"app:app"},
		"--reload app:app":        {"app:app"},
		"-- app:app --reload":     {"app:app", "--reload"},
		"--proxy-protocol app:ap": {"app:ap"},
	} {
		args, err := ParseArgs(strings.Fields(line))
		if err != nil || !slices.Equal(args.App, want) {
			t.Errorf("%q: got %v, %v", line, args, err)
		}
	}
}

func TestFlagError(t *testing.T) {
	for line, want := range map[string][2]string{
		"--workrs 4":        {"there is no option --workrs", "did you mean --workers?"},
		"--preload-app":     {"there is no option --preload-app", "did you mean --preload?"},
		"--zzzzzz":          {"there is no option --zzzzzz", "see kirin help run for all options"},
		"--access-logf x":   {"--access-logf could be any of --access-logfile, --access-logformat", "see kirin help run for all options"},
		"-x":                {"there is no option -x", "see kirin help run for all options"},
		"--help":            {"--help belongs on the command line", "see kirin help run for all options"},
		"-h":                {"--help belongs on the command line", "see kirin help run for all options"},
		"-w":                {"a value is missing after -w", "see kirin help run for all options"},
		"--workers":         {"a value is missing after --workers", "see kirin help run for all options"},
		"--bind --workers":  {"--bind: a value is missing before --workers", "see kirin help run for all options"},
		"--bind --reload=x": {"--bind: a value is missing before --reload=x", "see kirin help run for all options"},
		"--=x":              {"bad flag syntax: --=x", "see kirin help run for all options"},
		"--on-exit x":       {"there is no option --on-exit", "see kirin help run for all options"},
	} {
		_, err := ParseArgs(strings.Fields(line))
		if err == nil {
			t.Errorf("%q is taken", line)
			continue
		}
		var got *Error
		if !errors.As(FlagError(err, Source{Origin: FromCommandLine}), &got) || got.Problem != want[0] || got.Mend != want[1] {
			t.Errorf("%q: got %q, %q\nwant %q", line, got.Problem, got.Mend, want)
		}
	}
}

func TestAbbreviations(t *testing.T) {
	for name, want := range map[string]string{
		"workers": "workers", "worker-cl": "worker-class", "q": "q", "queue-l": "queue-limit", "pid": "pid", "": "",
		"he": "he", "hel": "help", "vers": "version", "paste": "paste", "env": "env", "log-f": "log-file", "nam": "name",
	} {
		if got := unabbreviate(append(longFlags(), "help", "version"), name); got != want {
			t.Errorf("--%s stands for --%s, want --%s", name, got, want)
		}
	}
}

// FuzzCmdArgs: whatever GUNICORN_CMD_ARGS holds is taken or refused in one line, and options that are taken are
// taken again when they are written out in full.
func FuzzCmdArgs(f *testing.F) {
	for _, text := range []string{
		"-w 4 --bind '[::1]:80'", `--name "a b"`, "--env A='x", "--", "- --=", "-", "--work", "-wk", "--reload=maybe", "a # b", "\\",
		"-b=x", "--bind= -p ''", "--log-f - -D",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := splitWords(text)
		if err != nil {
			return
		}
		args, err := ParseArgs(words)
		if err != nil {
			if e := FlagError(err, Source{Origin: FromCmdArgs}); e.Error() == "" {
				t.Error("an empty message")
			}
			return
		}
		again, err := ParseArgs(written(args))
		if err != nil || !reflect.DeepEqual(again.given, args.given) || !slices.Equal(again.App, args.App) {
			t.Errorf("%q: got %v, then %v, %v", words, args, again, err)
		}
	})
}

// written is a command line that says what args hold.
func written(a *Args) []string {
	var words []string
	for _, g := range a.given {
		for _, text := range g.texts {
			words = append(words, g.flag+"="+text)
		}
	}
	return append(append(words, "--"), a.App...)
}
