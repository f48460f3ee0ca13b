package box

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/test/testkit"
)

// recorder is a test that has failed when a message is there; it is how the helpers' own failures are tested.
type recorder struct {
	testing.TB
	message string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.message += fmt.Sprintf(format, args...) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

// failure runs f on the box in a test that may fail, and returns how it did.
func failure(b *Box, f func(*Box)) string {
	r := &recorder{TB: b.t}
	inner := *b
	inner.t = r
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(&inner)
	}()
	<-done
	return r.message
}

func wantMatch(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q; it is\n%s", what, part, text)
		}
	}
}

// remains is what there is of a box outside of it: its state, cgroups, mounts, and processes.
func remains(b *Box) []string {
	var out []string
	for _, pattern := range []string{b.state, "/sys/fs/cgroup/kirin-sdbox-" + b.Name, "/sys/fs/cgroup/*/kirin-sdbox-" + b.Name} {
		found, _ := filepath.Glob(pattern)
		out = append(out, found...)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), b.Name) {
		out = append(out, fmt.Sprintf("mounts: %s%v", mounts, err))
	}
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		if text, err := os.ReadFile(path); err == nil && strings.Contains(string(text), b.Name) {
			out = append(out, path+": "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return out
}

// inNamespace is the processes in a PID namespace.
func inNamespace(t *testing.T, namespace *os.File) []string {
	t.Helper()
	var want, is unix.Stat_t
	if err := unix.Fstat(int(namespace.Fd()), &want); err != nil {
		t.Fatal(err)
	}
	var out []string
	links, _ := filepath.Glob("/proc/[0-9]*/ns/pid")
	for _, path := range links {
		if err := unix.Stat(path, &is); err == nil && is.Ino == want.Ino {
			out = append(out, path)
		}
	}
	return out
}

// namespace opens the box's PID namespace. While it is open, no other gets its number.
func namespace(t *testing.T, b *Box) *os.File {
	t.Helper()
	path, err := b.inside("/proc/1/ns/pid")
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// wantNothing waits until nothing is left of a box.
func wantNothing(t *testing.T, b *Box, namespace *os.File) {
	t.Helper()
	testkit.Eventually(t, "nothing is left of the box", func() bool {
		return len(remains(b)) == 0 && len(inNamespace(t, namespace)) == 0
	})
}
