package box

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/kirin-server/kirin/test/testkit"
)

// A Command is something to run in a box, as root, in the folder /.
type Command struct {
	Args  []string
	Env   []string  // NAME=value pairs, added to a small clean environment
	Stdin io.Reader // nothing when nil
}

// A Result is what came of a command.
type Result struct {
	Status int // the exit status; 128 and the signal's number when a signal ended it
	Stdout string
	Stderr string
}

// grace is how long the output of a command that was ended is still waited for.
const grace = testkit.Patience

// commandTime bounds a command in a box. One command may be a reload of an application, or apt: a good deal to do where
// others have the processors.
const commandTime = 5 * testkit.Patience

// Run runs a command, for at most commandTime, and returns what came of it.
func (b *Box) Run(c Command) Result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandTime)
	defer cancel()
	cmd := b.command(ctx, c)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		b.t.Fatalf("%q in the box has not ended within %v; it wrote\n%s%s", c.Args, commandTime, &out, &errs)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		b.t.Fatalf("%q in the box: %v", c.Args, err)
	}
	return Result{exitStatus(cmd.ProcessState), out.String(), errs.String()}
}

// exitStatus is what a shell would say; sdbox ends by the signal that ended the command.
func exitStatus(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}

// command prepares a command. When ctx ends, so does the command inside: it dies with the sdbox that started it.
func (b *Box) command(ctx context.Context, c Command) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.script, append([]string{"exec", "-n", b.Name}, c.Args...)...)
	cmd.WaitDelay = grace
	cmd.Dir = "/"
	cmd.Stdin = c.Stdin
	cmd.Env = append([]string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", "TERM=dumb",
		"SDBOX_STATE=" + stateFolder(),
	}, c.Env...)
	return cmd
}

// Try runs a command whose failure is no failure of the test.
func (b *Box) Try(args ...string) Result {
	b.t.Helper()
	return b.Run(Command{Args: args})
}

// Exec runs a command that must succeed.
func (b *Box) Exec(args ...string) {
	b.t.Helper()
	b.Output(args...)
}

// Output runs a command that must succeed and returns its standard output without the last newline.
func (b *Box) Output(args ...string) string {
	b.t.Helper()
	return b.must(Command{Args: args})
}

func (b *Box) must(c Command) string {
	b.t.Helper()
	r := b.Run(c)
	if r.Status != 0 {
		b.t.Fatalf("%q in the box: exit status %d\n%s%s", c.Args, r.Status, r.Stdout, r.Stderr)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// put is the command that makes a file of its standard input. The file appears whole, as a deployment's do.
const put = `mkdir -p -- "$(dirname -- "$1")" && cat >"$1.new" && chmod "$2" "$1.new" && mv -- "$1.new" "$1"`

// WriteFile makes or replaces a file, with the folders above it; the mode is 0644.
func (b *Box) WriteFile(path, text string) {
	b.t.Helper()
	b.must(Command{Args: []string{"sh", "-c", put, "sh", path, "644"}, Stdin: strings.NewReader(text)})
}

// ReadFile returns a file's text.
func (b *Box) ReadFile(path string) string {
	b.t.Helper()
	r := b.Try("cat", "--", path)
	if r.Status != 0 {
		b.t.Fatalf("%s in the box: %s", path, r.Stderr)
	}
	return r.Stdout
}

// Install copies a program of the host to a path in the box.
func (b *Box) Install(program, path string) {
	b.t.Helper()
	f, err := os.Open(program)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	b.must(Command{Args: []string{"sh", "-c", put, "sh", path, "755"}, Stdin: f})
}
