package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"github.com/kirin-server/kirin/internal/config"
)

// envDaemon is the descriptor on which a process in the background says that it serves.
const envDaemon = "KIRIN_DAEMON"

// background starts this command line again in a session of its own, with nothing of the terminal unless the settings keep it, and
// returns when that process serves, or with its status when it has ended.
func background(cfg *config.Config) error {
	told, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	defer told.Close()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	cmd := exec.Command(self, os.Args[1:]...)
	cmd.Env = append(os.Environ(), envDaemon+"=3")
	cmd.ExtraFiles = []*os.File{tell}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if cfg.KeepOutput {
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	}
	err = cmd.Start()
	tell.Close()
	if err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	if word, err := io.ReadAll(told); err == nil && len(word) > 0 {
		return cmd.Process.Release()
	}
	return daemonFailed(cmd.Wait())
}

// daemonFailed is the error of a background process that ended before it served.
func daemonFailed(err error) error {
	hint := "its --error-logfile says why, or start it without --daemon"
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return &exitError{code: exit.ExitCode(), err: errors.New("the process in the background did not start"), hint: hint}
	}
	return &exitError{code: exitFailure, err: errors.New("the process in the background ended at once"), hint: hint}
}

// sayServing tells who started this process in the background, if somebody did.
func sayServing() (say func()) {
	fd, err := strconv.Atoi(os.Getenv(envDaemon))
	if err == nil { // a successor, which is in the background already, must not go there again
		_ = os.Setenv(envDaemon, "0")
	}
	if err != nil || fd < 3 {
		return func() {}
	}
	syscall.CloseOnExec(fd)
	pipe := os.NewFile(uintptr(fd), "daemon")
	return func() {
		_, _ = io.WriteString(pipe, "serving") // who has gone need not know
		pipe.Close()
	}
}
