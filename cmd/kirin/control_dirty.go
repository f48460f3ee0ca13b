package main

import (
	"errors"
	"fmt"
	"os"
)

// maxDirty is how many dirty workers one command may add: each is a process.
const maxDirty = 1000

// dirtyState is what gunicornc shows of the dirty workers, in Gunicorn's words.
type dirtyState struct {
	Workers []map[string]any `json:"workers"` // pid, age, apps, booted
	Apps    []map[string]any `json:"apps"`    // import_path, worker_count (null: all), current_workers, worker_pids
	Wanted  int              `json:"wanted"`
	By      int              `json:"by"` // how many more that are than before, when the order was to change it
}

// state has the arbiter tell of its workers, after it has made them so many more, or fewer. pid is the arbiter's own; it is 0 when there is none.
func (h *dirtyHost) state(by int) (pid int, state *dirtyState, err error) {
	none := &dirtyState{Workers: []map[string]any{}, Apps: []map[string]any{}}
	if h == nil {
		return 0, none, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process.Load() == nil {
		return 0, none, nil
	}
	order := dirtyOrder{Do: "state"}
	if by != 0 {
		order = dirtyOrder{Do: "scale", By: by}
	}
	if state, err = h.ask(h.life, order, nil); state == nil && err == nil {
		err = errors.New("the arbiter of the dirty workers does not tell of them")
	}
	return h.process.Load().cmd.Process.Pid, state, err
}

// pid is the arbiter's, 0 when there is none.
func (h *dirtyHost) pid() int {
	if h == nil {
		return 0
	}
	if p := h.process.Load(); p != nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// pidOrNull is a pid as JSON has it.
func pidOrNull(pid int) any {
	if pid == 0 {
		return nil
	}
	return pid
}

func (s *server) showAll() (any, error) {
	workers := s.webWorkers()
	for _, w := range workers {
		w["type"] = "web"
	}
	all := map[string]any{
		"arbiter":     map[string]any{"pid": os.Getpid(), "type": "arbiter", "role": "master"},
		"web_workers": workers, "web_worker_count": len(workers), "dirty_arbiter": nil,
	}
	pid, dirty, err := s.dirty.state(0)
	if err != nil {
		return nil, err
	}
	if pid != 0 {
		all["dirty_arbiter"] = map[string]any{"pid": pid, "type": "dirty_arbiter", "role": "dirty master"}
	}
	all["dirty_workers"], all["dirty_worker_count"] = dirty.Workers, len(dirty.Workers)
	return all, nil
}

func (s *server) showDirty() (any, error) {
	pid, dirty, err := s.dirty.state(0)
	if err != nil {
		return nil, err
	}
	return map[string]any{"enabled": pid != 0, "pid": pidOrNull(pid), "workers": dirty.Workers, "apps": dirty.Apps}, nil
}

// commandDirty changes the number of dirty workers.
func (s *server) commandDirty(words []string) (any, error) {
	const usage = "use dirty add [N] or dirty remove [N]"
	if len(words) == 0 || words[0] != "add" && words[0] != "remove" {
		return nil, errors.New(usage)
	}
	n, err := countOf(words, usage)
	switch {
	case err != nil:
		return nil, err
	case n > maxDirty:
		return nil, fmt.Errorf("%d are too many at once: at most %d", n, maxDirty)
	}
	what, by := "added", n
	if words[0] == "remove" {
		what, by = "removed", -n
	}
	pid, state, err := s.dirty.state(by)
	switch {
	case err != nil:
		return nil, err
	case pid == 0:
		return map[string]any{"success": false, "error": "there are no dirty workers: see dirty_apps"}, nil
	}
	return map[string]any{"success": true, what: max(state.By, -state.By), "total": state.Wanted}, nil
}
