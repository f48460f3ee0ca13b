package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/test/testkit"
)

// confFile writes a configuration file and says how to evaluate it.
func confFile(t *testing.T, text string) config.FileSpec {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "gunicorn.conf.py")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return config.FileSpec{Path: path, Dir: dir, Python: testkit.Python()}
}

func TestEvaluate(t *testing.T) {
	for name, python := range map[string]string{"CPython": testkit.Python(), "PyPy": testkit.PyPy()} {
		t.Run(name, func(t *testing.T) {
			spec := confFile(t, `
import os, sys
workers = 2 ** 40
bind = ("a:1", "b:2")
here = os.path.samefile(os.getcwd(), os.path.dirname(__file__))
def on_exit(server): pass
class Mine: pass
thing = Mine()
`)
			spec.Python = python
			r, err := evaluate(t.Context(), spec)
			if err != nil || r.Error != "" {
				t.Fatalf("got %+v, %v", r, err)
			}
			for setting, want := range map[string]string{"workers": "1099511627776", "bind": `["a:1", "b:2"]`, "here": "true"} {
				if got := string(r.Settings[setting]); got != want {
					t.Errorf("%s = %s, want %s", setting, got, want)
				}
			}
			if !slices.Equal(r.Hooks, []string{"on_exit"}) || r.Callables["Mine"] != "__config__.Mine" || r.NotJSON["thing"] != "Mine" {
				t.Errorf("got %+v", r)
			}
		})
	}
}

func TestEvaluateFails(t *testing.T) {
	if _, err := evaluate(t.Context(), confFile(t, "import os; os._exit(9)")); err == nil || !strings.HasSuffix(err.Error(), "ended too early: exit status 9") {
		t.Errorf("a file that ends the interpreter: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := evaluate(ctx, confFile(t, "")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestPrepare(t *testing.T) {
	r, err := prepare(t.Context(), testkit.Python(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Path != testkit.Python() || r.Close() != nil {
		t.Errorf("got %+v", r)
	}
	_, err = prepare(t.Context(), "/nowhere/python", "", nil)
	if e := classify(err); e.code != exitUsage || e.hint == "" || !strings.Contains(e.Error(), "/nowhere/python") {
		t.Errorf("got %+v", e)
	}
	t.Setenv("VIRTUAL_ENV", "/nowhere")
	_, err = prepare(t.Context(), "", "", nil)
	if e := classify(err); e.code != exitFailure || !strings.Contains(e.Error(), "/nowhere") {
		t.Errorf("got %+v", e)
	}
}

// environment makes a virtual environment of a kind in dir and gives its interpreter.
func environment(t *testing.T, dir string) string {
	t.Helper()
	t.Setenv("VIRTUAL_ENV", "")
	path := filepath.Join(dir, ".venv", "bin", "python")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(testkit.Python(), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPrepareFindsTheApplicationsEnvironment: .venv beside the application is preferred to what is on PATH.
func TestPrepareFindsTheApplicationsEnvironment(t *testing.T) {
	dir := t.TempDir()
	want := environment(t, dir)
	r, err := prepare(t.Context(), "", dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Path != want {
		t.Errorf("found %s, want %s", r.Path, want)
	}
}

// TestEvaluateInTheApplicationsEnvironment: --chdir says where the application is before the file is read.
func TestEvaluateInTheApplicationsEnvironment(t *testing.T) {
	spec := confFile(t, "import sys\nrunning = sys.executable\n")
	spec.Python, spec.Chdir = "", t.TempDir()
	want := environment(t, spec.Chdir)
	r, err := evaluate(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(r.Settings["running"]); got != strconv.Quote(want) {
		t.Errorf("the file was run by %s, want %s", got, want)
	}
}
