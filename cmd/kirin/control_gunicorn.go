package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers"
)

// Gunicorn's control protocol, so that its gunicornc can talk to a front: frames of a length, 4 bytes of which the first is the highest, and
// JSON. A request has an id and a command, a response the id and either data or an error.
type (
	frameRequest struct {
		ID      json.RawMessage `json:"id"`
		Command string          `json:"command"`
		Args    []any           `json:"args"`
	}
	frameResponse struct {
		ID     json.RawMessage `json:"id"`
		Status string          `json:"status"`
		Data   any             `json:"data,omitempty"`
		Error  string          `json:"error,omitempty"`
	}
)

// maxCount bounds the number of a command: a pid, or how many workers.
const maxCount = 1 << 22

// maxFrame bounds a request of gunicornc.
const maxFrame = 1 << 16

// converseFrames answers requests until the client ends.
func converseFrames(in *bufio.Reader, conn net.Conn, command func(string) (any, error)) {
	for {
		request, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return
		}
		response := frameResponse{ID: request.ID, Status: "ok"}
		if err == nil {
			response.Data, err = command(request.text())
		}
		if err != nil {
			response.Status, response.Data, response.Error = "error", nil, oneLine(err.Error())
		}
		if err := writeFrame(conn, response); err != nil || request.ID == nil { // the framing may be lost
			return
		}
	}
}

func (r frameRequest) text() string {
	words := []string{r.Command}
	for _, arg := range r.Args {
		words = append(words, fmt.Sprint(arg))
	}
	return strings.Join(words, " ")
}

// readFrame reads a request. It is io.EOF when there is none any more.
func readFrame(in io.Reader) (r frameRequest, err error) {
	var size [4]byte
	if _, err := io.ReadFull(in, size[:]); err != nil {
		return r, io.EOF
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return r, fmt.Errorf("a request has %d bytes, and may have %d", n, maxFrame)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return r, io.EOF
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return frameRequest{}, errors.New("a request is a JSON object with id and command")
	}
	if r.ID == nil {
		r.ID = json.RawMessage("null")
	}
	return r, nil
}

func writeFrame(out io.Writer, r frameResponse) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = out.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...))
	return err
}

// commands are those of gunicornc, as its help lists them.
func commands() map[string]string {
	return map[string]string{
		"show all":                  "Show the server and its workers",
		"show workers":              "List the workers",
		"show dirty":                "List the dirty workers and their applications",
		"show config":               "Show the settings as they were resolved",
		"show stats":                "Show figures of the server",
		"show listeners":            "Show the listening sockets",
		"worker add [N]":            "Have N workers more (default 1)",
		"worker remove [N]":         "Have N workers fewer (default 1)",
		"worker kill <PID>":         "End a worker when it has finished; another takes its place",
		"dirty add [N]":             "Have N dirty workers more (default 1)",
		"dirty remove [N]":          "Have N dirty workers fewer (default 1)",
		"reload":                    "Take in the configuration and the application anew (HUP)",
		"reopen":                    "Open the log files again (USR1)",
		"shutdown [graceful|quick]": "End the server (TERM or INT)",
		"help":                      "Show this",
	}
}

// command carries out a command of gunicornc.
func (s *server) command(text string) (any, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil, errors.New("no command is given: help lists them")
	}
	switch words[0] {
	case "show":
		return s.show(strings.Join(words[1:], " "))
	case "worker":
		return s.commandWorker(words[1:])
	case "dirty":
		return s.commandDirty(words[1:])
	case "reload":
		return map[string]string{"status": "reloading"}, signalSelf(unix.SIGHUP)
	case "reopen":
		return map[string]string{"status": "reopening"}, signalSelf(unix.SIGUSR1)
	case "shutdown":
		return s.commandShutdown(words[1:])
	case "help":
		return map[string]any{"commands": commands()}, nil
	}
	return nil, fmt.Errorf("there is no command %q: help lists them", text)
}

func signalSelf(sig syscall.Signal) error { return unix.Kill(os.Getpid(), sig) }

// show answers the commands that only look.
func (s *server) show(what string) (any, error) {
	switch what {
	case "all":
		return s.showAll()
	case "workers":
		workers := s.webWorkers()
		return map[string]any{"workers": workers, "count": len(workers)}, nil
	case "dirty":
		return s.showDirty()
	case "config":
		values := s.config().Values()
		delete(values, "raw_env") // which may hold secrets
		return values, nil
	case "stats":
		return s.showStats(), nil
	case "listeners":
		sockets := s.showListeners()
		return map[string]any{"listeners": sockets, "count": len(sockets)}, nil
	}
	return nil, fmt.Errorf("%q cannot be shown: all, workers, dirty, config, stats or listeners can", what)
}

// webWorkers are the workers in Gunicorn's words; age is a worker's number. Nobody has a heartbeat to tell of: see worker_tmp_dir.
func (s *server) webWorkers() []map[string]any {
	all := []map[string]any{}
	for _, w := range s.pool.Status().Workers {
		all = append(all, map[string]any{
			"pid": w.Pid, "age": w.Number, "booted": w.Pid != 0, "aborted": false, "last_heartbeat": nil,
			"state": w.State, "slots": w.Slots, "open": w.Open, "requests": w.Requests,
		})
	}
	return all
}

func (s *server) showStats() map[string]any {
	p := s.pool.Status()
	there := len(slices.DeleteFunc(p.Workers, func(w workers.WorkerStatus) bool { return w.Pid == 0 }))
	perSec, p95 := s.stats.rates(time.Now())
	return map[string]any{
		"uptime": time.Since(s.began).Seconds(), "pid": os.Getpid(), "workers_current": there, "workers_target": p.Wanted,
		"workers_spawned": p.Started, "workers_killed": p.Started - uint64(there), "reloads": s.reloaded.Load(), "dirty_arbiter_pid": pidOrNull(s.dirty.pid()),
		"requests": p.Requests, "failures": p.Failures, "queued": p.Queued, "busy": p.Busy, "requests_per_second": perSec, "p95_seconds": p95.Seconds(),
	}
}

func (s *server) showListeners() []map[string]any {
	all := []map[string]any{}
	for _, socket := range s.sockets.all() {
		family := "unix"
		if a, ok := socket.Listener.Addr().(*net.TCPAddr); ok {
			family = map[bool]string{true: "tcp", false: "tcp6"}[a.IP.To4() != nil]
		}
		all = append(all, map[string]any{
			"address": describeSocket(socket, s.certs != nil && speaksTLS(s.config(), socket)), "type": family, "fd": nil,
		})
	}
	return all
}

// commandWorker changes the number of workers, or ends one.
func (s *server) commandWorker(words []string) (any, error) {
	const usage = "use worker add [N], worker remove [N] or worker kill PID"
	n, err := countOf(words, usage)
	switch {
	case err != nil:
		return nil, err
	case words[0] == "add":
		return s.resize("added", n)
	case words[0] == "remove":
		return s.resize("removed", -n)
	case words[0] == "kill" && len(words) == 2:
		return s.killWorker(n)
	}
	return nil, errors.New(usage)
}

// countOf is the number behind a verb, 1 when none is given.
func countOf(words []string, usage string) (int, error) {
	switch len(words) {
	case 1:
		return 1, nil
	case 2:
		n, err := strconv.Atoi(words[1])
		if err != nil || n < 1 || n > maxCount {
			return 0, fmt.Errorf("%q is not a number from 1 to %d", words[1], maxCount)
		}
		return n, nil
	}
	return 0, errors.New(usage)
}

// resize has more workers or fewer, but at least one.
func (s *server) resize(what string, by int) (any, error) {
	before := s.pool.Status().Wanted
	total := max(1, before+by)
	if s.app != "" {
		return nil, fmt.Errorf("the workers have units: use kirin scale %s %d", s.app, total)
	}
	if a := s.obeyScale(total); a.Error != "" {
		return nil, errors.New(a.Error)
	}
	return map[string]int{what: max(total-before, before-total), "previous": before, "total": total}, nil
}

func (s *server) killWorker(pid int) (any, error) {
	found := slices.ContainsFunc(s.pool.Status().Workers, func(w workers.WorkerStatus) bool { return w.Pid == pid })
	if !found {
		return map[string]any{"success": false, "error": fmt.Sprintf("Worker %d not found", pid)}, nil
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		return map[string]any{"success": false, "error": err.Error()}, nil
	}
	return map[string]any{"success": true, "killed": pid}, nil
}

func (s *server) commandShutdown(words []string) (any, error) {
	mode, sig := "graceful", unix.SIGTERM
	if len(words) > 0 {
		mode = words[0]
	}
	switch mode {
	case "graceful":
	case "quick":
		sig = unix.SIGINT
	default:
		return nil, fmt.Errorf("there is no shutdown %q: graceful or quick", mode)
	}
	return map[string]string{"status": "shutting_down", "mode": mode}, signalSelf(sig)
}
