package logs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func open(t testing.TB, path string) *File {
	t.Helper()
	f, err := Open(path, nil, nil, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func write(t testing.TB, f *File, line string) {
	t.Helper()
	if n, err := f.Write([]byte(line)); n != len(line) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestFileWholeLines has many goroutines log while the file is rotated: no line is lost, doubled, split or out of its goroutine's order.
func TestFileWholeLines(t *testing.T) {
	const writers, lines, rotations = 8, 2000, 5
	dir := t.TempDir()
	path := filepath.Join(dir, "access.log")
	f := open(t, path)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range lines {
				write(t, f, fmt.Sprintf("%d %d %s\n", w, i, strings.Repeat("x", i%100)))
			}
		})
	}
	for r := range rotations {
		rotate(t, f, fmt.Sprintf("%s.%d", path, rotations-r))
	}
	wg.Wait()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for r := range rotations {
		all.WriteString(content(t, fmt.Sprintf("%s.%d", path, rotations-r)))
	}
	all.WriteString(content(t, path))
	next := make([]int, writers)
	for line := range strings.Lines(all.String()) {
		var w, i int
		var rest string
		if n, _ := fmt.Sscanf(line, "%d %d %s", &w, &i, &rest); n < 2 || i != next[w] || len(rest) != i%100 {
			t.Fatalf("line %q, expected %d of %d", line, next[w], w)
		}
		next[w]++
	}
	for w, n := range next {
		if n != lines {
			t.Errorf("%d lines of %d, want %d", n, w, lines)
		}
	}
}

// rotate does what logrotate does. After Reopen the old file has to be at rest.
func rotate(t *testing.T, f *File, to string) {
	t.Helper()
	if err := os.Rename(f.Path(), to); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	before := content(t, to)
	f.Flush()
	if content(t, to) != before {
		t.Error("the old file was written to after Reopen")
	}
}

func TestFileAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, line := range []string{"a\n", "b\n"} {
		f := open(t, path)
		write(t, f, line)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := content(t, path); got != "a\nb\n" {
		t.Errorf("%q", got)
	}
}

func TestFileMode(t *testing.T) {
	defer unix.Umask(unix.Umask(0o027))
	path := filepath.Join(t.TempDir(), "log")
	open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestFilePace shows on a fake clock that a line after a pause is written at once, those that follow share a write, and
// none waits longer than the pace.
func TestFilePace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	synctest.Test(t, func(t *testing.T) {
		f := open(t, path)
		time.Sleep(time.Hour)
		write(t, f, "1\n")
		synctest.Wait()
		if got := content(t, path); got != "1\n" {
			t.Errorf("a first line was not written at once: %q", got)
		}
		for range 10 {
			write(t, f, "2\n")
		}
		synctest.Wait()
		if got := content(t, path); got != "1\n" {
			t.Errorf("lines were written one by one: %q", got)
		}
		time.Sleep(pace)
		synctest.Wait()
		if got := content(t, path); got != "1\n"+strings.Repeat("2\n", 10) {
			t.Errorf("lines are late: %q", got)
		}
		write(t, f, strings.Repeat("x", batch)+"\n")
		synctest.Wait()
		if len(content(t, path)) < batch {
			t.Error("a full batch waits")
		}
		write(t, f, "3\n")
		before := time.Now()
		f.Flush()
		if !strings.HasSuffix(content(t, path), "3\n") || time.Now() != before {
			t.Errorf("Flush does not write, or waits: %v", time.Since(before))
		}
		write(t, f, "4\n")
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		if err := f.Reopen(); err != nil || !strings.HasSuffix(content(t, path+".1"), "4\n") {
			t.Errorf("what was logged before Reopen is not in the old file: %v", err)
		}
	})
}

// TestFileNeverWaits fills a pipe that nobody reads: nobody who logs waits, memory stops growing, and every line arrives or is told to be lost.
func TestFileNeverWaits(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var lost atomic.Int64
	f, err := Open("-", w, NewTally(func(n int) { lost.Add(int64(n)) }), func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	const writers, lines, size = 4, 2048, 4096 // together twice what can wait
	line := strings.Repeat("y", size-1) + "\n"
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range lines {
				write(t, f, line)
			}
		})
	}
	wg.Wait() // hangs when one waits
	f.mu.Lock()
	if n := f.accepted - f.written; n > maxPending || n < maxPending-size {
		t.Errorf("%d bytes are waiting", n)
	}
	f.mu.Unlock()
	if n := lost.Load(); n > 0 {
		t.Errorf("%d lines were told to be lost while nothing could be told", n)
	}
	arrived := make(chan int64)
	go func() {
		n, _ := io.Copy(io.Discard, r)
		arrived <- n / size
	}()
	if err := errors.Join(f.Close(), w.Close()); err != nil {
		t.Errorf("a standard stream was closed, or nothing written: %v", err)
	}
	if got := <-arrived; lost.Load() == 0 || got+lost.Load() != writers*lines {
		t.Errorf("of %d lines, %d arrived and %d were told to be lost", writers*lines, got, lost.Load())
	}
}

// TestFileFIFO opens a FIFO that nobody reads and lets it fill up. Neither logging nor a rotation waits, and a reader that comes
// later gets what has been kept.
func TestFileFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f := open(t, path)
	f.flushes, f.timeout = 10*time.Millisecond, 10*time.Millisecond
	write(t, f, "first\n")
	reader, err := os.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(reader).ReadString('\n'); line != "first\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	reader.Close()
	write(t, f, strings.Repeat("y", 1<<20)+"\n")
	underWay(f)
	f.Flush()
	if err := f.Reopen(); err != nil {
		t.Error(err)
	}
	await(f, func() bool { return f.refused == 1 }) // it is lost with the old file
	write(t, f, strings.Repeat("y", 1<<20)+"\n")
	underWay(f)
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "has taken nothing for 10ms") {
		t.Errorf("Close says %v", err)
	}
	<-f.done // the writer does not stay
}

// underWay waits until all that is pending is being written.
func underWay(f *File) { await(f, func() bool { return f.using != nil && len(f.pending) == 0 }) }

// await waits for a state that nothing tells of.
func await(f *File, so func() bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !so() {
		f.mu.Unlock()
		runtime.Gosched()
		f.mu.Lock()
	}
}

// TestFileCloseIsBounded: a pipe that nobody reads does not keep the process.
func TestFileCloseIsBounded(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open("-", w, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.timeout = 10 * time.Millisecond
	write(t, f, strings.Repeat("z", 200_000))
	var wg sync.WaitGroup
	wg.Go(f.Flush)
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "|1 has taken nothing for 10ms: up to 200000 bytes are lost") {
		t.Errorf("got %v", err)
	}
	wg.Wait() // Flush gives up, too
	if _, err := f.Write([]byte("x\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	r.Close() // ends the writer
	<-f.done
	w.Close()
}

// TestFileFailures tells of a disk that is full once for every run of failures.
func TestFileFailures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	var told []error
	lost := 0
	f, err := Open(path, nil, NewTally(func(n int) { lost += n }), func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	exchange := func(file *os.File) (old *os.File) {
		f.mu.Lock()
		defer f.mu.Unlock()
		old, f.file = f.file, file
		return old
	}
	good := exchange(full)
	for range 3 {
		write(t, f, "lost\n")
		f.Flush()
	}
	exchange(good)
	write(t, f, "kept\n")
	f.Flush()
	exchange(full)
	write(t, f, "lost\n")
	f.Flush()
	exchange(good)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || !errors.Is(told[0], unix.ENOSPC) || !strings.Contains(told[0].Error(), "the log file "+path+" cannot be written to, lines are lost") {
		t.Errorf("told %v", told)
	}
	if got := content(t, path); got != "kept\n" || lost != 4 {
		t.Errorf("%q, %d lines are told to be lost", got, lost)
	}
}

func TestFileOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "no", "log"): "no such file or directory: create the directory " + filepath.Join(dir, "no") + " first",
		dir:                             "is a directory",
	} {
		_, err := Open(path, nil, nil, nil)
		if err == nil || !strings.Contains(err.Error(), "cannot open the log file "+path+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
	if err := openError("/var/log/x", &fs.PathError{Op: "open", Path: "/var/log/x", Err: unix.EACCES}); !strings.HasSuffix(err.Error(), "/var/log/x: permission denied: let this user write there, or choose another file") {
		t.Errorf("got %v", err)
	}
}

func TestFileReopen(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log")
	f := open(t, path)
	write(t, f, "old\n")
	rotated := dir + ".1"
	if err := os.Rename(dir, rotated); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v", err)
	}
	write(t, f, "older\n") // the old file stays in use
	f.Flush()
	if got := content(t, filepath.Join(rotated, "log")); got != "old\nolder\n" {
		t.Errorf("%q", got)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err != nil {
		t.Error(err)
	}
	write(t, f, "new\n")
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
	if got := content(t, path); got != "new\n" {
		t.Errorf("%q", got)
	}
	if err := f.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestFileStandardStream(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	f, err := Open("-", w, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, f, "hello\n")
	if err := errors.Join(f.Reopen(), f.Close()); err != nil || f.Path() != "" {
		t.Error(f.Path(), err)
	}
	if line, err := bufio.NewReader(r).ReadString('\n'); line != "hello\n" || err != nil {
		t.Errorf("%q, %v", line, err)
	}
	if _, err := w.WriteString("still open"); err != nil {
		t.Error(err)
	}
}

func BenchmarkFileWrite(b *testing.B) {
	f := open(b, filepath.Join(b.TempDir(), "log"))
	line := []byte(strings.Repeat("x", 180) + "\n")
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, _ = f.Write(line)
		}
	})
}

// BenchmarkFileWrite40k logs at a server's rate, and tells how much of a processor that costs.
func BenchmarkFileWrite40k(b *testing.B) {
	f := open(b, filepath.Join(b.TempDir(), "log"))
	line := []byte(strings.Repeat("x", 180) + "\n")
	var before, after unix.Rusage
	const second, burst = 40_000, 40 // lines
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	start := time.Now()
	for b.Loop() {
		for i := range second / burst {
			for range burst {
				_, _ = f.Write(line)
			}
			time.Sleep(time.Until(start.Add(time.Duration(i+1) * time.Second * burst / second)))
		}
		start = time.Now()
	}
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N)/1e7, "%CPU")
}
