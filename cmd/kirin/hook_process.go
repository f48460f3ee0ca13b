package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/rights"
)

// hookProcess is the process of a [hookHost].
type hookProcess interface {
	// stillRight refuses a file that is another user's by now than whom the process runs as.
	stillRight(cfg *config.Config) error
	// wait waits for its end, which it is a moment from since nobody speaks to it any more.
	wait()
}

// ownHooks is a hookProcess that this process has started.
type ownHooks struct {
	as  *rights.User // nil: as ourselves
	cmd *exec.Cmd
}

// startHookProcess starts one, as whoever is right for the file, and gives the connection to it.
func startHookProcess(ctx context.Context, cfg *config.Config, stdout, stderr *os.File) (hookProcess, net.Conn, error) {
	var as *rights.User
	runtime, err := prepare(ctx, cfg.Python, cfg.Chdir, func(interpreter string) (_ *rights.User, err error) {
		as, err = chooseFor(hookQuestion(cfg), interpreter)
		return as, err
	})
	if err != nil {
		return nil, nil, err
	}
	defer runtime.Close()
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, nil, err
	}
	defer theirs.Close()
	cmd := exec.Command(runtime.Path, runtime.Args(3, "hooks", "4")...)
	cmd.Env = append(append(os.Environ(), "SERVER_SOFTWARE="+software()), cfg.Env...)
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{runtime.File(), theirs}, stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a ^C is for the server to handle
	if err = as.Start(cmd); err != nil {
		ours.Close()
		return nil, nil, fmt.Errorf("start the process of the server hooks: %w", err)
	}
	return &ownHooks{as, cmd}, ours, nil
}

// hookQuestion asks as whom the server's hooks run: as root when it alone can write all that they execute, as in Gunicorn; or else as the
// workers do, or as the file's owner.
func hookQuestion(cfg *config.Config) rights.Question {
	here, _ := os.Getwd()
	q := rights.Question{Paths: slices.Concat([]string{here, cfg.Chdir, cfg.File}, cfg.PythonPath, modulePaths(os.Environ()))}
	if strings.HasPrefix(cfg.File, "python:") {
		q.Paths[2] = here // where modules are looked for
	}
	if as := credential(cfg); as != nil {
		q.User = &rights.User{UID: as.Uid, GID: as.Gid, Groups: as.Groups}
	}
	return q
}

func (p *ownHooks) stillRight(cfg *config.Config) error {
	as, err := chooseFor(hookQuestion(cfg), p.cmd.Path)
	if err == nil && (as == nil) != (p.as == nil) || err == nil && as != nil && as.UID != p.as.UID {
		return &exitError{
			code: exitUsage, err: fmt.Errorf("%s is to be run as %v by now, and the server hooks run as %v", cfg.File, as, p.as),
			hint: "start kirin again, or let root alone write the file",
		}
	}
	return err
}

func (p *ownHooks) wait() {
	timer := time.AfterFunc(time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait() // how it ends is its own affair
}
