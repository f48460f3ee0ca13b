package testkit

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Process is one of a server's processes, seen through proc(5).
type Process struct {
	PID  int
	Exe  string // the file that it executes
	Args []string
}

// String gives the pid and the command line.
func (p Process) String() string { return fmt.Sprintf("%d (%s)", p.PID, strings.Join(p.Args, " ")) }

// Processes returns everything that runs on behalf of the server, the front's
// first; zombies are not seen.
func (s *Server) Processes() []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	want := []byte(markerName + "=" + s.marker + "\x00")
	var out []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		env, err := os.ReadFile(procPath(pid, "environ"))
		if err == nil && bytes.Contains(env, want) {
			exe, _ := os.Readlink(procPath(pid, "exe"))
			out = append(out, Process{pid, exe, commandLine(pid)})
		}
	}
	return out
}

func procPath(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

func commandLine(pid int) []string {
	b, _ := os.ReadFile(procPath(pid, "cmdline"))
	return strings.Split(strings.TrimRight(string(b), "\x00"), "\x00")
}

// Fronts returns the processes that execute kirin: the front, for the time of
// an upgrade its successor too, and after one perhaps the first, which only
// keeps its pid for those that follow it.
func (s *Server) Fronts() []Process { return s.kirins(false) }

// Monitors returns the processes that keep root's rights for a front which has given them up.
func (s *Server) Monitors() []Process { return s.kirins(true) }

func (s *Server) kirins(monitors bool) (out []Process) {
	for _, p := range s.Processes() {
		if p.Exe == s.Binary && strings.HasPrefix(p.Args[0], "kirin: root's rights") == monitors {
			out = append(out, p)
		}
	}
	return out
}

// Status returns the fields of /proc/PID/status (proc(5)), of the threads too, each value once.
func (p Process) Status() map[string][]string {
	fields := map[string][]string{}
	threads, _ := filepath.Glob(procPath(p.PID, "task/*/status"))
	for _, path := range threads {
		text, _ := os.ReadFile(path) // a thread may have ended
		for line := range strings.Lines(string(text)) {
			name, value, _ := strings.Cut(line, ":")
			if value = strings.Join(strings.Fields(value), " "); !slices.Contains(fields[name], value) {
				fields[name] = append(fields[name], value)
			}
		}
	}
	return fields
}

// Front returns the running front; of several the one that was started last.
func (s *Server) Front() Process {
	s.t.Helper()
	fronts := s.Fronts()
	if len(fronts) == 0 {
		s.t.Fatalf("no front runs; %s", s.logs())
	}
	newest := fronts[0]
	for _, p := range fronts {
		if p.startTime() > newest.startTime() {
			newest = p
		}
	}
	return newest
}

// Workers returns the running Python processes that serve, children of a front.
func (s *Server) Workers() []Process {
	all := s.Processes()
	var out []Process
	for _, p := range all {
		if p.worker() && slices.ContainsFunc(all, func(f Process) bool { return f.Exe == s.Binary && p.Parent() == f.PID }) {
			out = append(out, p)
		}
	}
	return out
}

// worker says whether the process was started as a worker: with a listening
// socket of that name (docs/protocol.md).
func (p Process) worker() bool {
	env, _ := os.ReadFile(procPath(p.PID, "environ"))
	return bytes.Contains(env, []byte("LISTEN_FDNAMES=worker\x00"))
}

// WaitWorkers waits until exactly n workers run, and returns them.
func (s *Server) WaitWorkers(n int) []Process {
	s.t.Helper()
	var workers []Process
	if !poll(Patience, func() bool { workers = s.Workers(); return len(workers) == n }) {
		s.t.Fatalf("not within %v: %d workers; there are %v; %s", Patience, n, workers, s.logs())
	}
	return workers
}

// stat returns the fields of /proc/PID/stat from the state on, or nil.
func (p Process) stat() []string {
	b, err := os.ReadFile(procPath(p.PID, "stat"))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

func (p Process) statNumber(i int) int {
	f := p.stat()
	if len(f) <= i {
		return 0
	}
	n, _ := strconv.Atoi(f[i])
	return n
}

// Parent returns the pid of the parent, 0 when the process is gone.
func (p Process) Parent() int { return p.statNumber(1) }

func (p Process) startTime() int { return p.statNumber(19) }

// Resident is how much of the process is in memory, in bytes. To ask costs the process nothing.
func (p Process) Resident() int {
	b, _ := os.ReadFile(procPath(p.PID, "statm"))
	var size, resident int
	_, _ = fmt.Sscan(string(b), &size, &resident)
	return resident * os.Getpagesize()
}

// CPU is what the process has used of the processors, in steps of 10 ms.
func (p Process) CPU() time.Duration {
	return time.Duration(p.statNumber(11)+p.statNumber(12)) * 10 * time.Millisecond
}

// Running says whether the process is there and no zombie.
func (p Process) Running() bool {
	f := p.stat()
	return len(f) > 0 && f[0] != "Z" && f[0] != "X"
}

// Zombies returns how many children of the process wait to be reaped.
func (p Process) Zombies() int {
	n := 0
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if f := (Process{PID: pid}).stat(); len(f) > 1 && f[0] == "Z" && f[1] == strconv.Itoa(p.PID) {
			n++
		}
	}
	return n
}

// Descriptors returns what the process has open, by descriptor.
func (p Process) Descriptors() map[string]string {
	dir := procPath(p.PID, "fd")
	entries, _ := os.ReadDir(dir)
	out := make(map[string]string)
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil {
			out[e.Name()] = to
		}
	}
	return out
}

// Memory returns the proportional share of the process in bytes, and what the
// memory files that it holds take, which no process is charged for.
func (p Process) Memory(t testing.TB) (pss, memfd int) {
	t.Helper()
	b, err := os.ReadFile(procPath(p.PID, "smaps_rollup"))
	if err != nil {
		t.Fatalf("memory of process %d: %v", p.PID, err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			kib, _ := strconv.Atoi(f[1])
			pss = kib << 10
		}
	}
	return pss, p.memoryFiles()
}

// memoryFiles sums the pages of the files from memfd_create(2) that the process holds, each once.
func (p Process) memoryFiles() int {
	sum := 0
	seen := make(map[uint64]bool)
	for fd, to := range p.Descriptors() {
		if !strings.HasPrefix(to, "/memfd:") {
			continue
		}
		if blocks, inode, ok := blocksOf(filepath.Join(procPath(p.PID, "fd"), fd)); ok && !seen[inode] {
			seen[inode] = true
			sum += blocks * 512
		}
	}
	return sum
}
