package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestMain makes this binary the kirin command of the scripts too.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"kirin": main}) }

var rewrite = flag.Bool("update", false, "write what the scripts compare with anew")

// TestScripts runs the command lines of testdata/script, each as a user would type it.
//
// Besides testscript's own commands there is "exits STATUS COMMAND [ARGS]", which runs a command and wants that exit
// status. $PYTHON is the interpreter of the tests, $KIRIN the path of the command.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("there are no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		UpdateScripts:       *rewrite,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PYTHON", testkit.Python())
			for dir := range strings.SplitSeq(env.Getenv("PATH"), string(os.PathListSeparator)) {
				if path := filepath.Join(dir, "kirin"); env.Getenv("KIRIN") == "" && isFile(path) {
					env.Setenv("KIRIN", path)
				}
			}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // under -race every command would wait for a second at its end
			env.Setenv("PYTHONDONTWRITEBYTECODE", "1")
			if dir := os.Getenv("GOCOVERDIR"); dir != "" {
				env.Setenv("GOCOVERDIR", dir)
			}
			return nil
		},
	})
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// exits runs a command and fails unless its exit status is the one that is wanted.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARGS]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}
