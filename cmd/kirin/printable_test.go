package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers"
)

// TestEscapesOfAnApplication has a front that sends a terminal's orders in all that it may say, as an application's traceback can.
func TestEscapesOfAnApplication(t *testing.T) {
	const evil = "\x1b]0;root\a\x1b[2J\u009b31m\u202etxt"
	path := filepath.Join(t.TempDir(), "control")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	say := make(chan []answer, 1)
	go func() {
		for answers := range say {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = bufio.NewReader(conn).ReadBytes('\n') // the order
			for _, a := range answers {
				_ = json.NewEncoder(conn).Encode(a)
			}
			conn.Close()
		}
	}()
	defer close(say)
	var out bytes.Buffer
	say <- []answer{{Log: "log " + evil}, {Error: "error " + evil, Detail: "Traceback\n\tdetail " + evil}}
	if _, err = steerAt(t.Context(), path, order{Do: "reload"}, &out); err == nil {
		t.Fatal("no error")
	}
	report(&out, err)
	status := &liveStatus{App: evil, Pool: workers.Status{Workers: []workers.WorkerStatus{{State: evil}}}}
	say <- []answer{{Done: true, Status: status}}
	if err := statusAt(t.Context(), path, false, &out); err != nil {
		t.Fatal(err)
	}
	say <- []answer{{Done: true, Status: status}}
	if err := statusAt(t.Context(), path, true, &out); err != nil {
		t.Fatal(err)
	}
	report(&out, errors.New("quoted "+evil))
	if got := out.String(); strings.ContainsAny(got, "\x1b\a\u009b\u202e") || strings.Count(got, "31m") < 6 || !strings.Contains(got, "Traceback\n\tdetail ") {
		t.Errorf("got %q", got)
	}
}
