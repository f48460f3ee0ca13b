package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"time"

	"golang.org/x/sys/unix"
)

// writes keeps what each write had.
type writes struct {
	mu  sync.Mutex // protects the field below
	all []string
}

func (w *writes) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, string(b))
	return len(b), nil
}

func record(level slog.Level, message string, args ...any) slog.Record {
	r := slog.NewRecord(time.Date(2026, 11, 22, 11, 6, 13, 0, time.FixedZone("", 3600)), level, message, 0)
	r.Add(args...)
	return r
}

func TestErrorHandler(t *testing.T) {
	pid := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		r             slog.Record
		want, journal string
	}{
		{record(slog.LevelInfo, "Booting worker"), "[INFO] Booting worker\n", "<6>Booting worker\n"},
		{record(slog.LevelDebug, "d"), "[DEBUG] d\n", "<7>d\n"},
		{record(slog.LevelWarn, "w"), "[WARNING] w\n", "<4>w\n"},
		{record(slog.LevelError, "e"), "[ERROR] e\n", "<3>e\n"},
		{record(LevelCritical, "c"), "[CRITICAL] c\n", "<2>c\n"},
		{record(slog.LevelInfo+1, "odd"), "[INFO] odd\n", "<6>odd\n"},
		{record(slog.LevelDebug-4, "trace"), "[DEBUG] trace\n", "<7>trace\n"},
		{
			record(slog.LevelInfo, "m", "pid", 7, "path", "/a b", "empty", "", "quote", `"`, "err", errors.New("x=y"), "d", time.Second),
			`[INFO] m pid=7 path="/a b" empty="" quote="\"" err="x=y" d=1s` + "\n",
			`<6>m pid=7 path="/a b" empty="" quote="\"" err="x=y" d=1s` + "\n",
		},
		{ // a traceback stays together, and the attributes are on its first line
			record(slog.LevelError, "Traceback:\n  File \"a.py\"\n\nError\n", "worker", 2),
			"[ERROR] Traceback: worker=2\n  File \"a.py\"\n\nError\n",
			"<3>Traceback: worker=2\n<3>  File \"a.py\"\n<3>\n<3>Error\n",
		},
		{ // nothing steers a terminal or looks like another record
			record(slog.LevelInfo, "a\x1b[2J\rb\xff", "k\n", "v\n[CRITICAL]"),
			`[INFO] a\x1b[2J\x0db\xff "k\n"="v\n[CRITICAL]"` + "\n",
			`<6>a\x1b[2J\x0db\xff "k\n"="v\n[CRITICAL]"` + "\n",
		},
		{
			record(slog.LevelInfo, "g", slog.Group("outer", "a", 1, slog.Group("", "b", 2), slog.Group("none")), slog.Attr{}),
			"[INFO] g outer.a=1 outer.b=2\n", "<6>g outer.a=1 outer.b=2\n",
		},
	} {
		var file, journal writes
		for _, h := range []*ErrorHandler{NewErrorHandler(&file, slog.LevelInfo, false), NewErrorHandler(&journal, slog.LevelInfo, true)} {
			if err := h.Handle(t.Context(), c.r); err != nil {
				t.Error(err)
			}
		}
		if want := "[2026-11-22 11:06:13 +0100] [" + pid + "] " + c.want; len(file.all) != 1 || file.all[0] != want {
			t.Errorf("got  %q\nwant %q", file.all, want)
		}
		if len(journal.all) != 1 || journal.all[0] != c.journal {
			t.Errorf("got  %q\nwant %q", journal.all, c.journal)
		}
	}
}

func TestErrorHandlerWith(t *testing.T) {
	var w writes
	base := slog.New(NewErrorHandler(&w, slog.LevelInfo, true))
	worker := base.With("app", "shop").WithGroup("worker").With("n", 3).WithGroup("")
	worker.Info("a", "pid", 9)
	base.With("x", 1).Info("b")
	base.WithGroup("g").Info("c", "y", 2)
	want := []string{"<6>a app=shop worker.n=3 worker.pid=9\n", "<6>b x=1\n", "<6>c g.y=2\n"}
	if strings.Join(w.all, "") != strings.Join(want, "") {
		t.Errorf("got %q", w.all)
	}
}

// TestErrorHandlerIsOneOfSlog runs the checks of the standard library.
func TestErrorHandlerIsOneOfSlog(t *testing.T) {
	var buf bytes.Buffer
	line := regexp.MustCompile(`^(\[[^]]*\] )?\[\d+\] \[([A-Z]+)\] (\S+)(.*)$`)
	slogtest.Run(t, func(*testing.T) slog.Handler {
		buf.Reset()
		return NewErrorHandler(&buf, slog.LevelDebug, false)
	}, func(t *testing.T) map[string]any {
		m := line.FindStringSubmatch(strings.TrimSuffix(buf.String(), "\n"))
		if m == nil {
			t.Fatalf("no record: %q", buf.String())
		}
		out := map[string]any{slog.LevelKey: m[2], slog.MessageKey: m[3]}
		if m[1] != "" {
			out[slog.TimeKey] = m[1]
		}
		for _, pair := range strings.Fields(m[4]) {
			key, value, _ := strings.Cut(pair, "=")
			put(out, strings.Split(key, "."), value)
		}
		return out
	})
}

// put puts a value where "a.b.c" says.
func put(m map[string]any, keys []string, value string) {
	for _, key := range keys[:len(keys)-1] {
		inner, ok := m[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			m[key] = inner
		}
		m = inner
	}
	m[keys[len(keys)-1]] = value
}

func TestErrorHandlerLevel(t *testing.T) {
	level := new(slog.LevelVar)
	h := NewErrorHandler(&writes{}, level, false)
	level.Set(slog.LevelWarn)
	if h.Enabled(context.Background(), slog.LevelInfo) || !h.Enabled(context.Background(), slog.LevelWarn) {
		t.Error("the level is not heeded")
	}
	level.Set(slog.LevelDebug)
	if !h.Enabled(context.Background(), slog.LevelInfo) {
		t.Error("a change of the level is not heeded")
	}
}

// failing is a file that takes nothing.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, unix.ENOSPC }

func TestErrorHandlerTellsFailure(t *testing.T) {
	if err := NewErrorHandler(failing{}, slog.LevelInfo, false).Handle(t.Context(), record(slog.LevelInfo, "x")); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v", err)
	}
}

func TestParseLevel(t *testing.T) {
	for name, want := range map[string]slog.Level{
		"debug": slog.LevelDebug, "Info": slog.LevelInfo, "WARNING": slog.LevelWarn, "warn": slog.LevelWarn, "error": slog.LevelError,
		"critical": LevelCritical,
	} {
		if got, err := ParseLevel(name); got != want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := ParseLevel("loud"); err == nil || !strings.Contains(err.Error(), `log level "loud": use debug, info, warning, error or critical`) {
		t.Errorf("got %v", err)
	}
}

func TestToJournal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(r.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	ours := fmt.Sprintf("%d:%d", st.Dev, st.Ino)
	for stream, want := range map[string]bool{ours: true, "": false, "1:2": false, "x": false, ours + "1": false} {
		t.Setenv("JOURNAL_STREAM", stream)
		if got := ToJournal(w); got != want {
			t.Errorf("%q: %v", stream, got)
		}
	}
	if err := w.SetWriteDeadline(time.Time{}); err != nil {
		t.Errorf("the file has become blocking: %v", err)
	}
	w.Close()
	t.Setenv("JOURNAL_STREAM", ours)
	if ToJournal(w) {
		t.Error("a closed file is no stream")
	}
}
