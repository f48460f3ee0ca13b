package main

import (
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// orphanTime is how long a child may stay a zombie before it is held for one that nobody waits for. Those that kirin has started itself
// are waited for from the start.
const orphanTime = 3 * time.Second

// zombie is a child that has ended. Together the two name a process for ever: pids are used again.
type zombie struct {
	pid   int
	start string // field starttime of proc(5)
}

// reapOrphans waits for the processes that the application has left behind. As process 1, of a container, kirin is their parent, and
// nobody else would ever take them away.
func (s *server) reapOrphans() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	suspects := map[zombie]bool{}
	for {
		suspects = reapSuspects(suspects, zombies("/proc", os.Getpid()))
		if len(suspects) == 0 {
			select {
			case <-ended:
			case <-s.life.Done():
				return
			}
		}
		select {
		case <-time.After(orphanTime):
		case <-s.life.Done():
			return
		}
	}
}

// reapSuspects takes away the zombies that were there the last time, too, and gives the others.
func reapSuspects(before map[zombie]bool, now []zombie) map[zombie]bool {
	suspects := map[zombie]bool{}
	for _, z := range now {
		if before[z] {
			_, _ = unix.Wait4(z.pid, nil, unix.WNOHANG, nil)
		} else {
			suspects[z] = true
		}
	}
	return suspects
}

// zombies are the children of a process that have ended and wait to be reaped.
func zombies(proc string, parent int) (found []zombie) {
	paths, _ := filepath.Glob(filepath.Join(proc, "[0-9]*", "stat"))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has gone meanwhile
		}
		// The second field is the name, in parentheses, and may hold anything.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err == nil && len(fields) > 19 && fields[0] == "Z" && fields[1] == strconv.Itoa(parent) {
			found = append(found, zombie{pid, fields[19]})
		}
	}
	return found
}
