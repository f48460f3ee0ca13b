package front

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

// pattern gives size bytes that repeat nowhere soon.
func pattern(size int) []byte {
	b := make([]byte, size)
	state := uint32(size) | 1
	for i := range b {
		state = state*1664525 + 1013904223
		b[i] = byte(state >> 24)
	}
	return b
}

// content reads a body as a worker would: from offset 0.
func content(t *testing.T, b *body) []byte {
	t.Helper()
	if b.file == nil {
		return b.inline
	}
	if b.inline != nil {
		t.Error("a body is both inline and in a file")
	}
	data, err := io.ReadAll(io.NewSectionReader(b.file, 0, 1<<40))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// place says where a body waits, as the kernel sees it.
func place(t *testing.T, b *body) string {
	t.Helper()
	if b.file == nil {
		return "inline"
	}
	link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", b.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(link, "/memfd:") {
		return "memory"
	}
	if !strings.HasSuffix(link, " (deleted)") {
		t.Errorf("a body waits in a file with a name: %s", link)
	}
	return "disk"
}

// readBody reads a body that has no limit.
func readBody(r io.Reader, length int64, dir string, buf []byte) (*body, error) {
	return intake{dir: dir, spools: &spools{}}.read(r, length, buf)
}

// TestReadBody crosses every size around a threshold with every way in which the bytes may come.
func TestReadBody(t *testing.T) {
	sizes := map[int]string{
		1: "inline", 100: "inline", 4<<10 - 1: "inline", 4 << 10: "inline", 4<<10 + 1: "inline",
		inlineMax - 1: "inline", inlineMax: "inline", inlineMax + 1: "memory",
		memoryMax - 1: "memory", memoryMax: "memory", memoryMax + 1: "disk", 3*memoryMax + 7: "disk",
	}
	ways := map[string]func(io.Reader) io.Reader{
		"whole":    func(r io.Reader) io.Reader { return r },
		"halves":   iotest.HalfReader,
		"data+EOF": iotest.DataErrReader,
		"bits":     func(r io.Reader) io.Reader { return &stuttering{r: r} },
	}
	for size, where := range sizes {
		data := pattern(size)
		sum := sha256.Sum256(data)
		for way, wrap := range ways {
			for _, length := range []int64{int64(size), -1} {
				t.Run(fmt.Sprintf("%d/%s/%d", size, way, length), func(t *testing.T) {
					dir := t.TempDir()
					b, err := readBody(wrap(strings.NewReader(string(data))), length, dir, nil)
					if err != nil {
						t.Fatal(err)
					}
					defer b.close()
					if got := place(t, b); got != where || b.size != int64(size) {
						t.Errorf("%d bytes are %s, of size %d; want %s", size, got, b.size, where)
					}
					if sha256.Sum256(content(t, b)) != sum {
						t.Error("the body is not what was sent")
					}
					wantEmpty(t, dir)
				})
			}
		}
	}
}

// stuttering gives now nothing, now one byte, now many.
type stuttering struct {
	r io.Reader
	n int
}

func (s *stuttering) Read(p []byte) (int, error) {
	s.n++
	switch s.n % 3 {
	case 0:
		return 0, nil
	case 1:
		return s.r.Read(p[:1])
	}
	return s.r.Read(p[:min(len(p), 50_000)])
}

func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in the directory: %v, %v", entries, err)
	}
}

func TestReadBodyNone(t *testing.T) {
	b, err := readBody(iotest.ErrReader(errors.New("must not be read")), 0, "/nowhere", nil)
	if err != nil || b.inline != nil || b.file != nil || b.size != 0 {
		t.Errorf("a request without a body: %+v, %v", b, err)
	}
	b, err = readBody(strings.NewReader(""), -1, "/nowhere", nil)
	if err != nil || b.inline == nil || b.file != nil || b.size != 0 {
		t.Errorf("an empty chunked body: %+v, %v", b, err)
	}
}

// TestReadBodyStops: nothing beyond Content-Length is read, since it is the next request.
func TestReadBodyStops(t *testing.T) {
	for _, size := range []int{5, inlineMax, inlineMax + 1, memoryMax + 1} {
		r := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), iotest.ErrReader(errors.New("read too far")))
		b, err := readBody(r, int64(size), t.TempDir(), nil)
		if err != nil {
			t.Errorf("%d bytes: %v", size, err)
			continue
		}
		b.close()
	}
}

// TestReadBodyBuffer: a given buffer is used, and what it held does not show.
func TestReadBodyBuffer(t *testing.T) {
	buf := []byte(strings.Repeat("old", 3000))
	b, err := readBody(strings.NewReader("new"), 3, "/nowhere", buf)
	if err != nil || string(b.inline) != "new" || &b.inline[0] != &buf[0] {
		t.Errorf("got %q, %v", b.inline, err)
	}
	large := make([]byte, 0, 2*inlineMax)
	b, err = readBody(strings.NewReader(strings.Repeat("x", 2*inlineMax)), -1, "/nowhere", large)
	if err != nil || place(t, b) != "memory" || b.size != 2*inlineMax {
		t.Errorf("with a large buffer: %+v, %v", b, err)
	}
	b.close()
}

// TestReadBodyErrors: the client's errors come through as they are, an early end as io.ErrUnexpectedEOF, and no file stays open.
func TestReadBodyErrors(t *testing.T) {
	cut := errors.New("cut")
	for _, size := range []int{0, 10, inlineMax, inlineMax + 10, memoryMax + 10} {
		data := strings.Repeat("x", size)
		for _, length := range []int64{-1, int64(size) + 1, 8 << 20} {
			before := openFiles(t)
			_, err := readBody(io.MultiReader(strings.NewReader(data), iotest.ErrReader(cut)), length, t.TempDir(), nil)
			var ours *spoolError
			if !errors.Is(err, cut) || errors.As(err, &ours) {
				t.Errorf("%d of %d bytes: %v", size, length, err)
			}
			if length > 0 {
				if _, err = readBody(strings.NewReader(data), length, t.TempDir(), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("an early end, %d of %d bytes: %v", size, length, err)
				}
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d files are open after a failure, %d were before", after, before)
			}
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestSpoolTrouble: what goes wrong on our side is told as such, and says where.
func TestSpoolTrouble(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]error{missing: fs.ErrNotExist, file: syscall.ENOTDIR} {
		for _, length := range []int64{-1, memoryMax + 1} {
			before := openFiles(t)
			_, err := readBody(strings.NewReader(strings.Repeat("x", memoryMax+1)), length, dir, nil)
			var ours *spoolError
			if !errors.Is(err, want) || !errors.As(err, &ours) || !strings.Contains(err.Error(), dir) {
				t.Errorf("length %d in %s: %v", length, dir, err)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d files are open after a failure, %d were before", after, before)
			}
		}
		b, err := readBody(strings.NewReader(strings.Repeat("x", memoryMax)), -1, dir, nil)
		if err != nil {
			t.Errorf("a body that fits in memory needs no directory: %v", err)
			continue
		}
		b.close()
	}
}

// TestSpoolFull: a full disk is our trouble. The limit on the size of files stands in for it: Go programs get the error, since the
// runtime ignores SIGXFSZ.
func TestSpoolFull(t *testing.T) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 2 << 20, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for _, length := range []int64{-1, 3 << 20} {
		_, err := readBody(strings.NewReader(strings.Repeat("x", 3<<20)), length, t.TempDir(), nil)
		var ours *spoolError
		if !errors.As(err, &ours) || !errors.Is(err, syscall.EFBIG) {
			t.Errorf("length %d: %v", length, err)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d files are open after a failure, %d were before", after, before)
	}
}

// TestTemporaryFile: in either way the file has no name, and can be written and read.
func TestTemporaryFile(t *testing.T) {
	for way, open := range map[string]func(string) (*os.File, error){"O_TMPFILE": temporaryFile, "unlinked": unlinkedFile} {
		dir := t.TempDir()
		f, err := open(dir)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		defer f.Close()
		wantEmpty(t, dir)
		info, err := f.Stat()
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", way, info.Mode(), err)
		}
		b := body{intake: &intake{dir: dir, spools: &spools{}}, file: f, onDisk: true}
		if err := b.store([]byte("some")); err != nil || string(content(t, &b)) != "some" || place(t, &b) != "disk" {
			t.Errorf("%s: %v", way, err)
		}
	}
	if _, err := temporaryFile("/proc/self/fd"); err == nil { // which knows no O_TMPFILE, and lets nobody create files
		t.Error("a file was made in /proc")
	}
}

func TestSpoolDir(t *testing.T) {
	t.Setenv("TMPDIR", "/somewhere")
	if got := spoolDir(); got != "/somewhere" {
		t.Errorf("with TMPDIR: %s", got)
	}
	t.Setenv("TMPDIR", "")
	if got := spoolDir(); got != "/var/tmp" && got != "/tmp" {
		t.Errorf("without TMPDIR: %s", got)
	}
	if got := (Options{SpoolDir: "/x"}).withDefaults().SpoolDir; got != "/x" {
		t.Errorf("a directory that is set becomes %s", got)
	}
}
