package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/printable"
	"github.com/kirin-server/kirin/internal/rights"
	"github.com/kirin-server/kirin/workers/python"
)

// fileTime is how long a configuration file may run; it may well ask the network for something.
const fileTime = time.Minute

// maxSettings bounds what a configuration file may leave behind, and maxSaid what it prints as another user.
const (
	maxSettings = 8 << 20
	maxSaid     = 64 << 10
)

// whoRuns says as whom an interpreter is run, which is known by its path; nil: as ourselves.
type whoRuns func(interpreter string) (*rights.User, error)

// prepare finds the application's interpreter and makes the worker runtime ready for it. chosen is --python, which
// may be empty; dir is the application's directory. The caller closes the runtime.
func prepare(ctx context.Context, chosen, dir string, who whoRuns) (*python.Runtime, error) {
	path, err := python.Find(python.FindOptions{Python: chosen, Directory: dir, VirtualEnv: os.Getenv("VIRTUAL_ENV")})
	var as *rights.User
	if err == nil && who != nil {
		if as, err = who(path); err != nil {
			return nil, err
		}
	}
	if err == nil {
		var runtime *python.Runtime
		if runtime, err = python.PrepareBy(ctx, path, as.Run); err == nil {
			return runtime, nil
		}
	}
	if chosen != "" {
		return nil, &exitError{code: exitUsage, err: err, hint: "give --python the path of a Python interpreter, such as venv/bin/python"}
	}
	return nil, err
}

// asWorkers runs the interpreter as the user of the workers.
func asWorkers(cfg *config.Config) whoRuns {
	return func(string) (*rights.User, error) {
		c := credential(cfg)
		if c == nil || os.Geteuid() != 0 {
			return nil, nil
		}
		return &rights.User{UID: c.Uid, GID: c.Gid, Groups: c.Groups}, nil
	}
}

// evaluate runs a configuration file in the application's interpreter. What the file itself prints goes to standard
// error. Root does so as itself where it alone can write what is run, as in Gunicorn; else as --user, or as the owner.
func evaluate(ctx context.Context, spec config.FileSpec) (*config.FileResult, error) {
	result, _, err := evaluateAs(ctx, spec)
	return result, err
}

// evaluateAs is evaluate, and tells as whom; nil: as ourselves.
func evaluateAs(ctx context.Context, spec config.FileSpec) (_ *config.FileResult, as *rights.User, err error) {
	q := rights.Question{Paths: append(filePaths(spec), modulePaths(os.Environ())...)}
	if spec.User != "" {
		q.User, _ = rights.Lookup(spec.User, spec.Group) // who is not there is told of with the settings
	}
	result, err := evaluateBy(ctx, spec, q, func(u *rights.User) []string {
		as = u
		return os.Environ()
	})
	return result, as, err
}

// filePaths are what a configuration file's process reads and executes beside its interpreter: Python finds modules where it is started,
// and in the application's directory.
func filePaths(spec config.FileSpec) (paths []string) {
	for _, path := range []string{spec.Path, spec.Dir, spec.Chdir} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	return paths
}

// evaluateBy runs a configuration file as whom the question says, the interpreter counted in, with an environment.
func evaluateBy(ctx context.Context, spec config.FileSpec, q rights.Question, env func(*rights.User) []string) (*config.FileResult, error) {
	var as *rights.User
	who := func(interpreter string) (_ *rights.User, err error) {
		as, err = chooseFor(q, interpreter)
		return as, err
	}
	runtime, err := prepare(ctx, spec.Python, cmp.Or(spec.Chdir, spec.Dir), who)
	if err != nil {
		return nil, err
	}
	defer runtime.Close()
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	cmd, output := confCommand(ctx, runtime, spec), &rights.Buffer{Limit: maxSettings}
	cmd.Env, cmd.Stdout, cmd.Stderr = env(as), output, os.Stderr
	said := &rights.Buffer{Limit: maxSaid, Drop: true}
	if as != nil { // a terminal of root's is not for another user's process
		cmd.Stderr = said
	}
	err = as.Run(cmd)
	_, _ = io.Copy(printable.Writer{W: os.Stderr}, bytes.NewReader(said.Bytes())) // there is nowhere else to say it
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it did not end within %v", fileTime)
	case err != nil:
		return nil, fmt.Errorf("the interpreter ended too early: %w", err)
	}
	var result config.FileResult
	if err := json.Unmarshal(output.Bytes(), &result); err != nil {
		return nil, fmt.Errorf("the interpreter's answer: %w", err)
	}
	return &result, nil
}

// chooseFor answers a question with an interpreter in it. What mends it depends on the command.
func chooseFor(q rights.Question, interpreter string) (*rights.User, error) {
	q.Paths = append(rights.Interpreter(interpreter), q.Paths...)
	as, err := rights.Choose(q)
	if unsure, ok := errors.AsType[*rights.UnsureError](err); ok {
		return nil, &exitError{
			code: exitUsage, err: fmt.Errorf("root does not run what others can write: %w", unsure),
			hint: "name the user to run it as with --user, or let root alone write it",
		}
	}
	return as, err
}

// confCommand is the runtime's own reader of configuration files; the runtime is its descriptor 3.
func confCommand(ctx context.Context, runtime *python.Runtime, spec config.FileSpec) *exec.Cmd {
	cmd := exec.CommandContext(ctx, runtime.Path, runtime.Args(3, "conf", spec.Name())...)
	cmd.Dir = spec.Dir
	cmd.ExtraFiles = []*os.File{runtime.File()}
	cmd.WaitDelay = time.Second
	return cmd
}

// modulePaths are the folders that PYTHONPATH adds.
func modulePaths(env []string) (dirs []string) {
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "PYTHONPATH="); ok {
			dirs = append(dirs, filepath.SplitList(value)...)
		}
	}
	return dirs
}
