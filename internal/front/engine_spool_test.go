package front

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/workers/workertest"
)

// post is a request with a body of so many bytes, of which the first are sent.
func post(size, sent int) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", sent))
}

// onDisk is what request bodies take, as the front counts it.
func (r *rig) onDisk() int64 {
	r.front.spools.mu.Lock()
	defer r.front.spools.mu.Unlock()
	return r.front.spools.disk
}

func (r *rig) wantOnDisk(size int64) {
	r.t.Helper()
	if !eventually(func() bool { return r.onDisk() == size }) {
		r.t.Errorf("request bodies take %d bytes, want %d", r.onDisk(), size)
	}
}

// wantNoRoom checks that a body is refused for lack of room.
func (r *rig) wantNoRoom(c *client) {
	r.t.Helper()
	if a := c.answer("POST").want(r.t, http.StatusServiceUnavailable, "*"); !a.Close || a.Header.Get("Retry-After") == "" {
		r.t.Errorf("refused with %v", a.Header)
	}
	r.logged("ERROR", "no room for request bodies", "1 answered 503")
	r.over(http.StatusServiceUnavailable)
}

// TestSpoolShare: clients that hold bodies back have the disk's share and no more; who wants more of it is told 503, the bodies that are there go
// on, small ones need no disk, and what somebody gives back is there for the next.
func TestSpoolShare(t *testing.T) { eachPath(t, testSpoolShare) }

func testSpoolShare(t *testing.T, on path) {
	r := start(t, setup{path: on, slots: 8, Options: Options{SpoolDir: t.TempDir(), SpoolShare: 4 << 20}, serve: measure})
	var holders []*client
	for range 2 {
		holders = append(holders, r.dial().send(post(2<<20, 2<<20-1)))
	}
	for range 20 { // who only says much has nothing
		r.dial().send(post(900<<20, 0))
	}
	r.wantOnDisk(4 << 20)
	r.wantNoRoom(r.dial().send(post(3<<20, 3<<20)))
	r.dial().send(post(1<<20, 1<<20)).answer("POST").want(t, 200, fmt.Sprint(1<<20))
	r.wantOnDisk(4 << 20)
	holders[0].send("x").answer("POST").want(t, 200, fmt.Sprint(2<<20))
	r.wantOnDisk(2 << 20)
	r.dial().send(post(2<<20, 2<<20)).answer("POST").want(t, 200, fmt.Sprint(2<<20))
	holders[1].Close()
	r.wantOnDisk(0)
}

// TestSpoolShareMemory: bodies that nobody ends do not fill the memory; those beyond its share are on disk.
func TestSpoolShareMemory(t *testing.T) {
	r := start(t, setup{path: oneLoop, Options: Options{SpoolDir: t.TempDir()}, serve: measure})
	for range memoryShare >> 20 {
		r.dial().send(post(1<<20, 100_000))
	}
	if !eventually(func() bool {
		r.front.spools.mu.Lock()
		defer r.front.spools.mu.Unlock()
		return r.front.spools.memory == memoryShare
	}) {
		t.Error("the memory is not taken")
	}
	c := r.dial().send(post(1<<20, 100_000))
	r.wantOnDisk(shareStep)
	c.send(strings.Repeat("x", 1<<20-100_000)).answer("POST").want(t, 200, fmt.Sprint(1<<20))
	r.wantOnDisk(0)
}

// TestSpoolForgotten: a client that does not read its answer holds none of what its body took.
func TestSpoolForgotten(t *testing.T) { eachPath(t, testSpoolForgotten) }

func testSpoolForgotten(t *testing.T, on path) {
	answer := tempFile(t, pattern(16<<20))
	r := start(t, setup{path: on, Options: Options{SpoolDir: t.TempDir()}, serve: func(c *workertest.Call) {
		if c.Size != 3<<20 {
			t.Errorf("%d bytes came", c.Size)
		}
		c.File("200 OK", answer, 0, 16<<20)
	}})
	c := r.dial().send(post(3<<20, 3<<20))
	c.head("POST")
	r.wantOnDisk(0)
}

// TestDiskFull: a body for which the disk has no room is answered 503 and gives back what it has; the next one is served. The limit on the size
// of files stands in for a full disk, as in TestSpoolFull.
func TestDiskFull(t *testing.T) { eachPath(t, testDiskFull) }

func testDiskFull(t *testing.T, on path) {
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_FSIZE, &old)
	r := start(t, setup{path: on, slots: 2, Options: Options{SpoolDir: t.TempDir()}, serve: measure})
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 2 << 20, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	held := r.dial().send(post(2<<20, 2<<20-1))
	r.wantOnDisk(2 << 20)
	r.wantNoRoom(r.dial().send(post(4<<20, 4<<20)))
	r.wantOnDisk(2 << 20)
	r.dial().send(post(2<<20, 2<<20)).answer("POST").want(t, 200, fmt.Sprint(2<<20))
	held.send("x").answer("POST").want(t, 200, fmt.Sprint(2<<20))
	r.wantOnDisk(0)
}
