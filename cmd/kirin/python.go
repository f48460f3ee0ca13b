package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/workers/python"
)

// fileTime is how long a configuration file may run; it may well ask the network for something.
const fileTime = time.Minute

// prepare finds the application's interpreter and makes the worker runtime ready for it. chosen is --python, which
// may be empty; dir is the application's directory. The caller closes the runtime.
func prepare(ctx context.Context, chosen, dir string) (*python.Runtime, error) {
	path, err := python.Find(python.FindOptions{Python: chosen, Directory: dir, VirtualEnv: os.Getenv("VIRTUAL_ENV")})
	if err == nil {
		var runtime *python.Runtime
		if runtime, err = python.Prepare(ctx, path); err == nil {
			return runtime, nil
		}
	}
	if chosen != "" {
		return nil, &exitError{code: exitUsage, err: err, hint: "give --python the path of a Python interpreter, such as venv/bin/python"}
	}
	return nil, err
}

// evaluate runs a configuration file in the application's interpreter. What the file itself prints goes to standard
// error.
func evaluate(ctx context.Context, spec config.FileSpec) (*config.FileResult, error) {
	return evaluateIn(ctx, spec, os.Environ())
}

// evaluateIn is evaluate with an environment of NAME=VALUE.
func evaluateIn(ctx context.Context, spec config.FileSpec, env []string) (*config.FileResult, error) {
	runtime, err := prepare(ctx, spec.Python, cmp.Or(spec.Chdir, spec.Dir))
	if err != nil {
		return nil, err
	}
	defer runtime.Close()
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	cmd := confCommand(ctx, runtime, spec)
	cmd.Env = env
	output, err := cmd.Output()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it did not end within %v", fileTime)
	case err != nil:
		return nil, fmt.Errorf("the interpreter ended too early: %w", err)
	}
	var result config.FileResult
	if err := json.Unmarshal(output, &result); err != nil {
		return nil, fmt.Errorf("the interpreter's answer: %w", err)
	}
	return &result, nil
}

// confCommand is the runtime's own reader of configuration files; the runtime is its descriptor 3.
func confCommand(ctx context.Context, runtime *python.Runtime, spec config.FileSpec) *exec.Cmd {
	cmd := exec.CommandContext(ctx, runtime.Path, runtime.Args(3, "conf", spec.Name())...)
	cmd.Dir = spec.Dir
	cmd.ExtraFiles = []*os.File{runtime.File()}
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = time.Second
	return cmd
}
