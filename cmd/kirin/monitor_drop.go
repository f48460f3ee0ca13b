package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/config"
)

// rootTitle is what ps(1) shows of a monitor before its arguments.
const rootTitle = "kirin: root's rights for"

// giveUpRoot makes this process the workers' user, when it is root and they are not, once there is a monitor. Everything after runs as that user
// does.
func (s *server) giveUpRoot(ctx context.Context, cfg *config.Config) error {
	if s.source.heir() && !s.source.named["user"][ownerName(cfg)] {
		return otherUser(cfg)
	}
	if s.app != "" || os.Geteuid() != 0 || cfg.UID == 0 {
		return nil
	}
	m, err := s.startMonitor(ctx)
	if err != nil {
		return fmt.Errorf("start the process that keeps root's rights: %w", err)
	}
	s.monitor = m
	if err := become(cfg.UID, cfg.GID, each(groups(cfg), func(id uint32) int { return int(id) })); err != nil {
		return &exitError{code: exitFailure, err: fmt.Errorf("become the user %d and the group %d: %w", cfg.UID, cfg.GID, err)}
	}
	s.load = func(ctx context.Context) (*config.Config, error) { return s.loadByMonitor(ctx) }
	return nil
}

// become gives root up for ever: the user, the group and the supplementary groups of all threads, and every capability. The workers have the same
// user, and are not to see or change this process's memory by ptrace(2) and /proc/PID/mem: it is not dumpable, which the kernel makes it when
// the user changes, and which is made certain here (fs.suid_dumpable of proc(5) may say otherwise).
func become(uid, gid int, groups []int) error {
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(groups) },
		func() error { return syscall.Setgid(gid) },
		func() error { return syscall.Setuid(uid) },
		func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) },
	} {
		if err := step(); errors.Is(err, unix.EPERM) {
			return fmt.Errorf("%w (root lacks CAP_SETUID or CAP_SETGID here)", err)
		} else if err != nil {
			return err
		}
	}
	return powerless(uid)
}

// powerless looks whether nothing of root is left. Securebits (capabilities(7)) may keep capabilities across a change of the user.
func powerless(uid int) error {
	if unix.Setuid(0) == nil || os.Geteuid() != uid || os.Getuid() != uid {
		return errors.New("root could not be given up")
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if slices.Contains([]string{"CapPrm", "CapEff", "CapAmb"}, name) && strings.Trim(value, "0 \t\n") != "" {
			return fmt.Errorf("capabilities are left (%s): clear the securebits that keep them", strings.TrimSpace(line))
		}
	}
	return nil
}

// startMonitor starts the monitor and waits until it has read the configuration. Where the service manager follows our pid it becomes a child of
// our parent, as a successor has to be (activation.StartOptions.Sibling), which will be its child likewise.
func (s *server) startMonitor(ctx context.Context) (*monitor, error) {
	ours, theirs, err := unixPair()
	if err != nil {
		return nil, err
	}
	keepFromChildren()
	program := s.handover.Program()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{rootTitle}, program.Args[1:]...)
	cmd.Dir, cmd.Env = program.Dir, append(slices.Clone(program.Env), envMonitor+"=3")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	sibling := s.notify.Socket != "" && os.Getpid() != 1 // the first process of a container has no parent
	if sibling {
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT}
	}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, err
	}
	m := &monitor{line: ours, end: func() { awaitEnd(cmd.Process) }}
	if !sibling {
		reaped := make(chan struct{})
		go func() { // until the line is closed, after which m.end waits for it
			defer close(reaped)
			_ = cmd.Wait() // it says what is wrong in its answers
		}()
		m.end = func() { <-reaped }
	}
	hello := monitorHello{Pid: os.Getpid(), Predecessor: s.handover.Predecessor(), Program: program, Read: s.source.last, Trusted: s.source.trusted(), Named: s.source.named}
	if err := m.greet(ctx, hello); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// keepFromChildren keeps from the monitor, which lives as long as this process does, what it was started with and has not taken yet: sockets of a
// predecessor or a service manager, which would listen on when they are closed here.
func keepFromChildren() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// awaitEnd waits for the end of a process that is not our child, for a few seconds: a service manager kills what it finds of a service whose main
// process has ended.
func awaitEnd(process *os.Process) {
	_ = process.WithHandle(func(pidfd uintptr) { // a kernel without it has nobody to wait for
		for range 50 {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 100)
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
}

// unixPair gives a connection and its other end.
func unixPair() (*net.UnixConn, *os.File, error) {
	conn, other, err := socketPair()
	if err != nil {
		return nil, nil, err
	}
	return conn.(*net.UnixConn), other, nil
}

// loadByMonitor has the monitor read the configuration again, which may be root's to read, and takes in what it has read.
func (s *server) loadByMonitor(ctx context.Context) (*config.Config, error) {
	read, err := s.monitor.load(ctx)
	if err != nil {
		return nil, err
	}
	cfg, err := s.source.take(ctx, read)
	if err == nil && (cfg.UID != os.Geteuid() || cfg.GID != os.Getegid()) {
		err = otherUser(cfg)
	}
	return cfg, err
}

// otherUser refuses to be another user than the front has become. A successor is root when it reads the configuration, and could be; but it is a
// worker that may have written the file, or removed it, and sent SIGUSR2.
func otherUser(cfg *config.Config) error {
	return &exitError{
		code: exitUsage, err: fmt.Errorf("user and group have changed to %d and %d, which only a new start takes in", cfg.UID, cfg.GID),
		hint: "stop kirin and start it again",
	}
}

// ownerName is the user and the group of a configuration.
func ownerName(cfg *config.Config) string { return fmt.Sprintf("%d:%d", cfg.UID, cfg.GID) }

// sayRoot tells that the front is root, which it has not given up for it is the workers' user.
func (s *server) sayRoot() {
	if s.app == "" && os.Geteuid() == 0 {
		s.log.Warn("kirin runs as root, and so do the workers: name another user with --user")
	}
}
