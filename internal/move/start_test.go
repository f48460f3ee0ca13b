package move

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/config"
)

// TestEveryWord imports units of the sorts that people have, and looks for every word of their commands in what becomes of them: carried over, or under what
// was not.
func TestEveryWord(t *testing.T) {
	silent := args(`sh bash -c -lc exec env tini dumb-init -- cd set gunicorn shop:app -w 4 -e --env -b .venv activate source export && ; $OPTS ${PORT} $WORKERS -m python`)
	for name, c := range map[string]struct {
		service string   // lines of [Service]
		want    []string // of the plan
	}{
		"ddtrace":   {"ExecStart=/srv/.venv/bin/ddtrace-run /srv/.venv/bin/gunicorn shop:app", args("Python=/srv/.venv/bin/python ddtrace.auto")},
		"newrelic":  {"ExecStart=newrelic-admin run-program gunicorn -w 4 shop:app", args("Workers=4 newrelic.agent.initialize()")},
		"telemetry": {"ExecStart=opentelemetry-instrument --traces_exporter otlp gunicorn shop:app", args("--traces_exporter otlp")},
		"poetry":    {"ExecStart=/usr/bin/poetry run gunicorn shop:app", []string{"poetry env info --executable"}},
		"env":       {"ExecStart=/usr/bin/env -u HOME DEBUG=0 MODE=live gunicorn shop:app", args("DEBUG=0 MODE=live UnsetEnvironment=HOME")},
		"migrate": {
			`ExecStart=/bin/sh -c 'cd /srv/shop && python manage.py migrate --noinput && export A=b; exec gunicorn -w 4 shop:app'`,
			[]string{"Directory=/srv/shop", "python manage.py migrate --noinput: it runs before the start", `Environment="A=b"`, "Workers=4"},
		},
		"activate": {"ExecStart=/bin/bash -lc 'source /srv/.venv/bin/activate && gunicorn shop:app'", args("Python=/srv/.venv/bin/python")},
		"options":  {"EnvironmentFile=-/etc/default/shop\nExecStart=gunicorn $OPTS -b 127.0.0.1:${PORT} shop:app", args("Workers=4 Threads=2 Bind=127.0.0.1:8123")},
		"unset":    {"ExecStart=gunicorn $NONE shop:app", args("$NONE:")},
		"shell":    {"Environment=WORKERS=4\nExecStart=sh -c 'gunicorn -w $WORKERS -b :${PORT:-8000} shop:app'", args("Workers=4 Bind=:8000")},
		"nice":     {"ExecStart=nice -n 5 gunicorn shop:app", args("nice -n 5: Nice=")},
		"unknown":  {"ExecStart=/opt/launcher --fast gunicorn shop:app", []string{"/opt/launcher --fast: it runs Gunicorn"}},
		"both":     {"Environment=A=1\nExecStart=gunicorn -e B=2 --env C=3 shop:app\nEnvironment=D=4", []string{"A=1", `"B=2"`, `"C=3"`, "D=4"}},
		"tini":     {"ExecStart=/usr/bin/tini -- gunicorn -w 4 shop:app", args("Workers=4")},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			put(t, root, "etc/systemd/system/shop.service", "[Service]\n"+c.service+"\n")
			put(t, root, "etc/default/shop", "OPTS=-w 4 --threads 2\nPORT=8123\n")
			p := &Plan{Name: "shop"}
			if err := (&Importer{Root: root, Evaluate: noFile}).Unit(t.Context(), p, "/etc/systemd/system/shop.service"); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(strings.ReplaceAll(p.Text(), "\n#", " ")), " ")
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("there is no %q in\n%s", want, p.Text())
				}
			}
			_, command, _ := strings.Cut(c.service, "ExecStart=")
			command, _, _ = strings.Cut(command, "\n")
			for _, word := range strings.FieldsFunc(command, func(r rune) bool { return strings.ContainsRune(" '\";", r) }) {
				if word != "" && !slices.Contains(silent, word) && !slices.Contains(silent, filepath.Base(word)) && !strings.Contains(text, word) &&
					!strings.Contains(word, "${") {
					t.Errorf("%q is nowhere in\n%s", word, p.Text())
				}
			}
		})
	}
}

// TestEnvironmentOfSeveralSources: the unit's variables stay beside those of the file and of the flags.
func TestEnvironmentOfSeveralSources(t *testing.T) {
	root := t.TempDir()
	put(t, root, "srv/gunicorn.conf.py", "")
	put(t, root, "etc/systemd/system/shop.service", "[Service]\nWorkingDirectory=/srv\nEnvironment=A=1 \"B=two words\"\nExecStart=gunicorn -c gunicorn.conf.py -e D=100% shop:app\n")
	p := &Plan{Name: "shop"}
	evaluate := func(context.Context, config.FileSpec, Command) (*config.FileResult, error) {
		return &config.FileResult{Environ: map[string]string{"C": "3"}}, nil
	}
	if err := (&Importer{Root: root, Evaluate: evaluate}).Unit(t.Context(), p, "/etc/systemd/system/shop.service"); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pair := range loads(t, p.Text()).Env {
		got = append(got, fmt.Sprintf("%q", pair))
	}
	if want := `"A=1" "B=two words" "C=3" "D=100%"`; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
}

// put writes a file below root.
func put(t *testing.T, root, name, text string) {
	t.Helper()
	file := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// args splits a text at blanks.
func args(text string) []string { return strings.Fields(text) }
