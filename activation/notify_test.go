package activation

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a service manager's socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, name string) (manager, Notifier) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", name)
	return manager{t, conn}, NewNotifier()
}

// receive is the next datagram, and the files that came with it.
func (m manager) receive() (string, []*os.File) {
	m.t.Helper()
	_ = m.conn.SetReadDeadline(time.Now().Add(patience))
	data, oob := make([]byte, 4096), make([]byte, 256)
	n, oobn, _, _, err := m.conn.ReadMsgUnix(data, oob)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(data[:n]), receivedFiles(m.t, oob[:oobn])
}

func receivedFiles(t *testing.T, oob []byte) (files []*os.File) {
	t.Helper()
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			f := os.NewFile(uintptr(fd), "received")
			t.Cleanup(func() { f.Close() })
			files = append(files, f)
		}
	}
	return files
}

func TestNotifyMessages(t *testing.T) {
	m, n := newManager(t, filepath.Join(t.TempDir(), "notify"))
	for _, c := range []struct {
		send func() (bool, error)
		want string
	}{
		{n.Ready, "READY=1"},
		{n.Stopping, "STOPPING=1"},
		{n.Watchdog, "WATCHDOG=1"},
		{n.WatchdogTrigger, "WATCHDOG=trigger"},
		{func() (bool, error) { return n.Status("2 workers\nREADY=1\r\x00") }, "STATUS=2 workers READY=1  "},
		{func() (bool, error) { return n.MainPID(4711) }, "MAINPID=4711"},
		{func() (bool, error) { return n.ExtendTimeout(1500 * time.Millisecond) }, "EXTEND_TIMEOUT_USEC=1500000"},
		{func() (bool, error) { return n.FDStoreRemove("state") }, "FDSTOREREMOVE=1\nFDNAME=state"},
		{func() (bool, error) { return n.Send("READY=1", "STATUS=up") }, "READY=1\nSTATUS=up"},
	} {
		if sent, err := c.send(); !sent || err != nil {
			t.Errorf("%s: %v, %v", c.want, sent, err)
		}
		if got, files := m.receive(); got != c.want || files != nil {
			t.Errorf("got %q with %d files, want %q", got, len(files), c.want)
		}
	}
}

func TestNotifyReloadingCarriesTheTime(t *testing.T) {
	m, n := newManager(t, "@kirin-test-"+filepath.Base(t.TempDir())+fmt.Sprint(os.Getpid()))
	var before, after unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
	if sent, err := n.Reloading(); !sent || err != nil {
		t.Fatal(sent, err)
	}
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
	got, _ := m.receive()
	var at int64
	if _, err := fmt.Sscanf(got, "RELOADING=1\nMONOTONIC_USEC=%d", &at); err != nil {
		t.Fatalf("%q: %v", got, err)
	}
	if at < before.Nano()/1000 || at > after.Nano()/1000 {
		t.Errorf("%d is not between %d and %d", at, before.Nano()/1000, after.Nano()/1000)
	}
}

func TestNotifyNobody(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := NewNotifier()
	if sent, err := n.Ready(); sent || err != nil {
		t.Error(sent, err)
	}
	if sent, err := n.Barrier(t.Context()); sent || err != nil {
		t.Error(sent, err)
	}
	if sent, err := n.FDStore("x", os.Stdin); sent || err != nil {
		t.Error(sent, err)
	}
}

func TestNotifyErrorsNameTheSocket(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for socket, want := range map[string]string{
		gone:      "sendmsg: no such file or directory",
		"vsock:2": "neither an absolute path nor an abstract name",
	} {
		sent, err := Notifier{Socket: socket}.Ready()
		if sent || err == nil || !strings.Contains(err.Error(), socket) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v", sent, err)
		}
	}
}

func TestFDStore(t *testing.T) {
	m, n := newManager(t, filepath.Join(t.TempDir(), "notify"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if sent, err := n.FDStore("state", r, w); !sent || err != nil {
		t.Fatal(sent, err)
	}
	got, files := m.receive()
	if got != "FDSTORE=1\nFDNAME=state" || len(files) != 2 {
		t.Fatalf("%q with %d files", got, len(files))
	}
	if _, err := files[1].WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 10)
	if k, _ := r.Read(buf); string(buf[:k]) != "kept" {
		t.Errorf("the second file is not the pipe's end: %q", buf[:k])
	}
	for _, bad := range []string{"", "a:b", "a\nMAINPID=1", strings.Repeat("x", 256)} {
		if sent, err := n.FDStore(bad, r); sent || err == nil {
			t.Errorf("name %q was taken", bad)
		}
		if sent, err := n.FDStoreRemove(bad); sent || err == nil {
			t.Errorf("name %q was taken", bad)
		}
	}
	if sent, err := n.FDStore("state"); sent || err == nil {
		t.Error("no file was taken")
	}
}

func TestBarrier(t *testing.T) {
	m, n := newManager(t, filepath.Join(t.TempDir(), "notify"))
	type result struct {
		sent bool
		err  error
	}
	results := make(chan result, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		sent, err := n.Barrier(ctx)
		results <- result{sent, err}
	}()
	got, files := m.receive()
	if got != "BARRIER=1" || len(files) != 1 {
		t.Fatalf("%q with %d files", got, len(files))
	}
	select {
	case r := <-results:
		t.Fatalf("it did not wait: %+v", r)
	default:
	}
	files[0].Close()
	if r := <-results; !r.sent || r.err != nil {
		t.Errorf("%+v", r)
	}
}

func TestBarrierEndsWithContext(t *testing.T) {
	_, n := newManager(t, filepath.Join(t.TempDir(), "notify"))
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	sent, err := n.Barrier(ctx)
	if sent || !errors.Is(err, cause) || !strings.Contains(err.Error(), n.Socket) {
		t.Errorf("%v, %v", sent, err)
	}
}

func TestWatchdogInterval(t *testing.T) {
	me := fmt.Sprint(os.Getpid())
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		wantErr   bool
	}{
		{"", "", 0, false},
		{"30000000", "", 30 * time.Second, false},
		{"30000000", me, 30 * time.Second, false},
		{"30000000", "1", 0, false},
		{"soon", me, 0, true},
		{"-1", me, 0, true},
	} {
		t.Setenv("WATCHDOG_USEC", c.usec)
		t.Setenv("WATCHDOG_PID", c.pid)
		if got, err := WatchdogInterval(); got != c.want || (err != nil) != c.wantErr {
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}

func TestSendToIsBounded(t *testing.T) {
	_, n := newManager(t, filepath.Join(t.TempDir(), "notify"))
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	soon := unix.NsecToTimeval(int64(time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &soon); err != nil {
		t.Fatal(err)
	}
	for range 10_000 { // until the manager's queue is full
		if err = sendTo(fd, n.Socket, "STATUS=x", nil); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "has not taken the message") {
		t.Errorf("got %v", err)
	}
}

// TestRunWatchdog counts messages on a fake clock: at once, then at half the interval, and none while the process is not alive.
func TestRunWatchdog(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	m, n := newManager(t, socket)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start, sick := time.Now(), 0
		var asked []time.Duration
		n.RunWatchdog(ctx, 10*time.Second, func() bool {
			asked = append(asked, time.Since(start))
			if len(asked) == 4 {
				cancel()
			}
			if len(asked) == 3 {
				sick++
				return false
			}
			return true
		}, func(err error) { t.Error(err) })
		if want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}; !slices.Equal(asked, want) || sick != 1 {
			t.Errorf("asked at %v, want %v", asked, want)
		}
	})
	for range 3 {
		if got, _ := m.receive(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	if sent, err := n.Ready(); !sent || err != nil {
		t.Fatal(sent, err)
	}
	if got, _ := m.receive(); got != "READY=1" {
		t.Errorf("a process that is not alive sent %q", got)
	}
}

func TestRunWatchdogUnwatched(t *testing.T) {
	Notifier{}.RunWatchdog(t.Context(), 0, func() bool { t.Error("asked"); return true }, nil)
	var told []error
	ctx, cancel := context.WithCancel(t.Context())
	Notifier{Socket: "nowhere"}.RunWatchdog(ctx, time.Hour, nil, func(err error) {
		told = append(told, err)
		cancel()
	})
	if len(told) != 1 {
		t.Errorf("told %v", told)
	}
}
