package logs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is for what should take no time at all.
const patience = 60 * time.Second

// collector reads what arrives at a socket as journald does.
type collector struct {
	t    testing.TB
	path string
	conn *net.UnixConn
	buf  []byte
}

func collect(t testing.TB) *collector {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "klj") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &collector{t: t, path: filepath.Join(dir, "socket"), buf: make([]byte, 1<<20)}
	c.listen()
	t.Cleanup(func() { c.conn.Close() })
	return c
}

func (c *collector) listen() {
	c.t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: c.path, Net: "unixgram"})
	if err != nil {
		c.t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	c.conn = conn
}

// end is as if journald's socket had been stopped.
func (c *collector) end() {
	c.t.Helper()
	c.conn.Close()
	if err := os.Remove(c.path); err != nil {
		c.t.Fatal(err)
	}
}

func (c *collector) open() *Journal {
	c.t.Helper()
	j, err := OpenJournal(c.path)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(j.Close)
	return j
}

// next is the next entry, and whether it came in a memfd.
func (c *collector) next() (entry map[string]string, large bool) {
	c.t.Helper()
	var control [64]byte
	n, controls, _, _, err := c.conn.ReadMsgUnix(c.buf, control[:])
	if err != nil {
		c.t.Fatal(err)
	}
	data := c.buf[:n]
	if controls > 0 {
		data, large = c.memfd(control[:controls]), true
	}
	entry, err = parseEntry(data)
	if err != nil {
		c.t.Fatalf("%v in %.200q", err, data)
	}
	return entry, large
}

// memfd reads the descriptor that was passed, which nobody may change any more.
func (c *collector) memfd(control []byte) []byte {
	c.t.Helper()
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		c.t.Fatal(err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		c.t.Fatal(fds, err)
	}
	defer unix.Close(fds[0])
	seals, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GET_SEALS, 0)
	if want := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE; err != nil || seals != want {
		c.t.Errorf("its seals are %#x, %v", seals, err)
	}
	var data bytes.Buffer
	for at := int64(0); ; {
		n, err := unix.Pread(fds[0], c.buf, at)
		if err != nil {
			c.t.Fatal(err)
		}
		if n == 0 {
			return data.Bytes()
		}
		at += int64(n)
		data.Write(c.buf[:n])
	}
}

// parseEntry reads an entry by https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
func parseEntry(b []byte) (map[string]string, error) {
	entry := map[string]string{}
	for len(b) > 0 {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return nil, fmt.Errorf("%q lacks its line feed", b)
		}
		name, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			if len(rest) < 8 {
				return nil, fmt.Errorf("%q lacks its length", line)
			}
			n := binary.LittleEndian.Uint64(rest)
			if rest = rest[8:]; n >= uint64(len(rest)) || rest[n] != '\n' {
				return nil, fmt.Errorf("%q has not the %d bytes that it says", line, n)
			}
			value, rest = rest[:n], rest[n+1:]
		}
		if strings.Trim(string(name), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "" || len(name) == 0 {
			return nil, fmt.Errorf("%q is no field's name", name)
		}
		if old, twice := entry[string(name)]; twice {
			return nil, fmt.Errorf("%s is there twice: %q", name, old)
		}
		entry[string(name)] = string(value)
		b = rest
	}
	return entry, nil
}

func TestJournalSend(t *testing.T) {
	c := collect(t)
	j := c.open()
	for _, text := range []string{"plain", "two\nlines", "\n", "caf\xe9\x00\x1b", "A=B", strings.Repeat("long\n", 3_000_000)} {
		if err := j.Send(appendInteger(appendText(nil, "MESSAGE", text), "PRIORITY", 3), time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		got, large := c.next()
		if got["MESSAGE"] != text || got["PRIORITY"] != "3" || len(got) != 2 {
			t.Errorf("%.50q arrives as %.100q", text, got)
		}
		if large != (len(text) > 1<<20) {
			t.Errorf("%.50q arrives in a memfd: %v", text, large)
		}
	}
}

// TestJournalIsReplaced: journald's socket may become another one.
func TestJournalIsReplaced(t *testing.T) {
	c := collect(t)
	j := c.open()
	c.end()
	if err := j.Send([]byte("A=1\n"), time.Time{}); err == nil || !strings.Contains(err.Error(), "there is no journal at "+c.path+": no such file") {
		t.Errorf("without a journal: %v", err)
	}
	c.listen()
	for range 2 {
		if err := j.Send([]byte("A=2\n"), time.Time{}); err != nil {
			t.Fatal(err)
		}
		if e, _ := c.next(); e["A"] != "2" {
			t.Errorf("arrived: %v", e)
		}
	}
	j.Close()
	j.Close()
	if err := j.Send([]byte("A=3\n"), time.Time{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestNoJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none")
	if _, err := OpenJournal(path); err == nil || err.Error() != "there is no journal at "+path+": no such file or directory" {
		t.Errorf("%v", err)
	}
}

// TestJournalSync: it returns when everything has been read, and does not wait for ever.
func TestJournalSync(t *testing.T) {
	c := collect(t)
	j := c.open()
	if err := j.Send([]byte("A=1\n"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	synced := make(chan time.Time, 2)
	go func() {
		j.Sync()
		synced <- time.Now()
	}()
	if e, _ := c.next(); e["A"] != "1" {
		t.Errorf("arrived: %v", e)
	}
	read := time.Now()
	if e, _ := c.next(); len(e) != 0 {
		t.Errorf("arrived: %v", e)
	}
	if at := <-synced; at.Before(read) {
		t.Error("it did not wait")
	}
	began := time.Now()
	j.Sync()
	if took := time.Since(began); took < syncPatience || took > syncPatience+patience/4 {
		t.Errorf("it waited %v for a journal that reads nothing", took)
	}
	j.Close()
	j.Sync()
}

// fill sends until the socket takes no more.
func fill(t testing.TB, j *Journal) (sent int) {
	t.Helper()
	for ; ; sent++ {
		err := j.Send([]byte("FILLER=1\n"), time.Now().Add(50*time.Millisecond))
		if errors.Is(err, os.ErrDeadlineExceeded) && isFull(t, j) {
			return sent
		}
		if errors.Is(err, os.ErrDeadlineExceeded) { // it was we who took so long
			sent--
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// isFull says whether the socket takes nothing.
func isFull(t testing.TB, j *Journal) bool {
	t.Helper()
	raw, err := j.conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	p := []unix.PollFd{{Events: unix.POLLOUT}}
	if err := raw.Control(func(fd uintptr) {
		p[0].Fd = int32(fd)
		_, _ = unix.Poll(p, 0)
	}); err != nil {
		t.Fatal(err)
	}
	return p[0].Revents&unix.POLLOUT == 0
}

// TestJournalIsBusy: Send waits, but not for ever, and goes on when there is room.
func TestJournalIsBusy(t *testing.T) {
	c := collect(t)
	j := c.open()
	n := fill(t, j)
	if n == 0 {
		t.Fatal("nothing could be sent")
	}
	sent := make(chan error)
	go func() { sent <- j.Send([]byte("LAST=1\n"), time.Now().Add(patience)) }()
	for range n {
		if e, _ := c.next(); e["FILLER"] != "1" {
			t.Fatalf("arrived: %v", e)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if e, _ := c.next(); e["LAST"] != "1" {
		t.Errorf("arrived: %v", e)
	}
}

// FuzzHit: whatever a client sends, an entry has the fields that it should have, with the values that were sent.
func FuzzHit(f *testing.F) {
	f.Add("GET", "/?a=1", "curl/8")
	f.Add("a\nMESSAGE=b", "=\n\x00", "\xff\n")
	f.Add("", "", "")
	format, _, err := Compile(DefaultFormat)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, agent string) {
		e := &Entry{Method: method, Target: target, Proto: "HTTP/1.1", Sent: -1, Fields: fields{"user-agent": agent}}
		got, err := parseEntry(format.AppendHit(nil, JournalFields("shop"), e))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"HTTP_METHOD": method, "HTTP_TARGET": target, "HTTP_USER_AGENT": agent}
		for name, value := range want {
			if there, ok := got[name]; there != value || ok != (value != "") {
				t.Errorf("%s is %q, want %q", name, there, value)
			}
		}
		if line := strings.TrimSuffix(string(format.Append(nil, e)), "\n"); got["MESSAGE"] != line {
			t.Errorf("the message is %q, want %q", got["MESSAGE"], line)
		}
	})
}

func TestHit(t *testing.T) {
	e := entry()
	e.Worker, e.RequestID = 3, "f00d"
	got, err := parseEntry(compile(t, "%(r)s").AppendHit(nil, JournalFields("shop"), e))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"PRIORITY": "6", "SYSLOG_IDENTIFIER": "kirin", "KIRIN_APP": "shop", "MESSAGE": "GET /caf%C3%A9?a=1 HTTP/1.1",
		"HTTP_METHOD": "GET", "HTTP_TARGET": "/caf%C3%A9?a=1", "HTTP_VERSION": "HTTP/1.1", "HTTP_STATUS": "200",
		"DURATION_USEC": "2000345", "BYTES_SENT": "1234", "REMOTE_ADDR": "192.0.2.7", "REQUEST_ID": "f00d", "WORKER": "3",
		"HTTP_USER_AGENT": `curl/"8" \o/`, "HTTP_REFERER": "http://example.com/",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	got, err = parseEntry(compile(t, "").AppendHit(nil, JournalFields(""), &Entry{Sent: -1}))
	if want := map[string]string{"PRIORITY": "6", "SYSLOG_IDENTIFIER": "kirin", "MESSAGE": "", "DURATION_USEC": "0"}; err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("of nothing: %v, %v", got, err)
	}
}

func BenchmarkHit(b *testing.B) {
	f, e, common := compile(b, DefaultFormat), entry(), JournalFields("shop")
	e.Fields, e.Worker, e.RequestID = flat{}, 1, "0123456789abcdef"
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buf = f.AppendHit(buf[:0], common, e)
	}
	b.SetBytes(int64(len(buf)))
}
