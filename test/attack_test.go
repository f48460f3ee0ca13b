package test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/test/testkit"
)

// attackMemory bounds by how much an attack may make the front grow.
const attackMemory = 48 << 20

// underAttack watches the front's memory while an attack goes on, and bounds it.
func underAttack(t *testing.T, s *testkit.Server, attack func()) {
	t.Helper()
	front, stop, grown := s.Front(), make(chan struct{}), make(chan int)
	start := front.Resident()
	go func() {
		most := 0
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, front.Resident()-start)
			select {
			case <-tick.C:
			case <-stop:
				grown <- most
				return
			}
		}
	}()
	attack()
	close(stop)
	most := <-grown
	t.Logf("the front has grown by %.1f MiB, from %.1f", float64(most)/(1<<20), float64(start)/(1<<20))
	if most > attackMemory {
		t.Errorf("the front has grown by %d MiB, more than %d", most>>20, attackMemory>>20)
	}
}

// TestSlowClients has slowhttptest hold 1,000 connections in each of its modes: heads that do not end, bodies that do not, answers that
// are read drop by drop. A normal client is to notice nothing.
func TestSlowClients(t *testing.T) {
	for name, c := range map[string]struct{ app, path, flags string }{
		"heads":   {"load:app", "/", "-H -i 5 -x 24 -t GET"},
		"bodies":  {"load:app", "/", "-B -i 5 -x 10 -s 60000 -t POST"},
		"readers": {"file:app", "/large", "-X -w 256 -y 512 -n 5 -z 64 -k 1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"file.py": fileApp, "large": strings.Repeat("x", 8<<20)})
			o := options{App: c.app, Args: args("--workers 2"), Plain: true}
			if c.app == "file:app" {
				o.Dir = dir
			}
			s := testkit.Start(t, o)
			usual := latencies(t, s, "/", testkit.Long(50*time.Millisecond, time.Second))
			underAttack(t, s, func() {
				end := slowly(t, s.URL+c.path, c.flags)
				defer end()
				testkit.Eventually(t, "1000 connections are open", func() bool { return sockets(s.Front()) >= 1000 })
				during := latencies(t, s, "/", testkit.Long(500*time.Millisecond, 3*time.Second))
				t.Logf("p99 of a normal client: %v, under attack %v", usual, during) // figures: what is asserted is that it is answered
				if n := sockets(s.Front()); n < 950 {
					t.Errorf("%d connections are left: there was no attack", n)
				}
			})
			testkit.Eventually(t, "the connections are closed", func() bool { return sockets(s.Front()) < 100 })
			wantStatus(t, s.Get("/"), 200)
		})
	}
}

// fileApp has a large file and a short greeting.
const fileApp = `
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/large":
        return environ["wsgi.file_wrapper"](open("large", "rb"))
    return [b"hello"]
`

// slowly runs slowhttptest with 1,000 connections until end is called.
func slowly(t *testing.T, url, flags string) (end func()) {
	t.Helper()
	cmd := exec.Command("slowhttptest", append(args("-c 1000 -r 500 -l 240 -p 5 "+flags), "-u", url)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("slowhttptest: %.2000s", out.String())
		}
	}
}

func sockets(p testkit.Process) (n int) {
	for _, to := range p.Descriptors() {
		if strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// latencies gives the 99th percentile of requests on one connection, one after the other.
func latencies(t *testing.T, s *testkit.Server, path string, during time.Duration) time.Duration {
	t.Helper()
	var all []time.Duration
	c := s.Dial()
	for began := time.Now(); time.Since(began) < during; {
		at := time.Now()
		wantStatus(t, c.Get(path), 200)
		all = append(all, time.Since(at))
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// TestEndlessHead sends a gigabyte of a head, in each of the ways in which it can go on, also where the limits are lifted. It is refused,
// and little of it is kept.
func TestEndlessHead(t *testing.T) {
	for name, c := range map[string]struct {
		begin, repeat, flags string
		status               int
	}{
		"a line":                 {"GET /", "a", "", 414},
		"a field":                {"GET / HTTP/1.1\r\nHost: test\r\nX: ", "a", "", 431},
		"a name":                 {"GET / HTTP/1.1\r\nHost: test\r\n", "a", "", 431},
		"fields":                 {"GET / HTTP/1.1\r\nHost: test\r\n", "X-Field: value\r\n", "", 431},
		"fields without a limit": {"GET / HTTP/1.1\r\nHost: test\r\n", "X-Field: value\r\n", "--limit-request-fields 0", 431},
		"a field without limits": {"GET / HTTP/1.1\r\nHost: test\r\nX: ", "a", "--limit-request-fields 0 --limit-request-field_size 0 --limit-request-line 0", 431},
		"a line without limits":  {"GET /", "a", "--limit-request-fields 0 --limit-request-field_size 0 --limit-request-line 0", 414},
		"trailers":               {"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Field: value\r\n", "", 431},
		"an extension":           {"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1;", "a", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "load:app", Args: args(c.flags), Plain: true})
			underAttack(t, s, func() {
				conn := s.Dial()
				conn.Send("%s", c.begin)
				sent := make(chan int64, 1)
				go func() { sent <- sendRepeated(conn, c.repeat, 1<<30) }()
				wantStatus(t, conn.Response("GET"), c.status)
				if n := <-sent; n == 1<<30 {
					t.Error("the whole gigabyte was taken")
				}
			})
			s.Err.Wait(t, "Invalid request from ip=127.0.0.1: .*(limit|more than)")
			wantStatus(t, s.Get("/"), 200)
		})
	}
}

// sendRepeated sends a text again and again, size bytes in all, until nobody takes it. It says how many were taken.
func sendRepeated(w io.Writer, text string, size int64) (sent int64) {
	for piece := []byte(strings.Repeat(text, 64<<10)); sent < size; {
		n, err := w.Write(piece[:min(int64(len(piece)), size-sent)])
		if sent += int64(n); err != nil {
			break
		}
	}
	return sent
}

// TestPipelineFlood sends thousands of requests at once, and reads the answers only when nothing more is taken: what is not read holds up
// what is sent, and every request is answered in its turn.
func TestPipelineFlood(t *testing.T) {
	n := testkit.Long(25_000, 100_000)
	s := testkit.Start(t, options{App: "load:app", Plain: true})
	underAttack(t, s, func() {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil { // the kernel would keep the answers otherwise
			t.Fatal(err)
		}
		pad := strings.Repeat("x", 500) // so that the kernel's buffers do not take everything
		var b bytes.Buffer
		for i := range n {
			fmt.Fprintf(&b, "GET / HTTP/1.1\r\nHost: test\r\nX-Request-Id: %d\r\nX-Pad: %s\r\n\r\n", i, pad)
		}
		sent := make(chan error, 1)
		stuck := make(chan struct{}, 1)
		go func() { sent <- pour(c, b.Bytes(), stuck) }()
		select {
		case <-stuck:
		case err := <-sent:
			t.Errorf("everything was taken while nobody read (%v)", err)
		}
		r := bufio.NewReader(c)
		for i := range n {
			resp, err := http.ReadResponse(r, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", i, err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 || resp.Header.Get("X-Request-Id") != strconv.Itoa(i) {
				t.Fatalf("answer %d: %v, %v", i, resp, err)
			}
		}
	})
}

// pour writes b, and says once when nothing is taken for a while.
func pour(c net.Conn, b []byte, stuck chan<- struct{}) error {
	for told := false; len(b) > 0; {
		_ = c.SetWriteDeadline(time.Now().Add(2 * time.Second))
		n, err := c.Write(b)
		b = b[n:]
		var late net.Error
		switch {
		case errors.As(err, &late) && late.Timeout():
			if !told {
				told = true
				stuck <- struct{}{}
			}
		case err != nil:
			return err
		}
	}
	return nil
}

// TestZipBomb sends a small body that claims to be a large one. A body is just a body: the application gets it as it came.
func TestZipBomb(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	sendRepeated(z, "\x00", 512<<20)
	z.Close()
	s := testkit.Start(t, options{App: "echo:app", Plain: true})
	underAttack(t, s, func() {
		for _, framing := range []string{
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", bomb.Len(), bomb.Bytes()),
			fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", bomb.Len(), bomb.Bytes()),
		} {
			c := s.Dial()
			c.Send("POST /digest/all HTTP/1.1\r\nHost: test\r\nContent-Encoding: gzip\r\n%s", framing)
			if d := decode[digest](t, c.Response("POST")); d.Length != int64(bomb.Len()) {
				t.Errorf("the application read %d bytes of %d", d.Length, bomb.Len())
			}
		}
	})
	c := s.Dial() // a server that took it apart would have to be told so by a coding of the transfer, which is refused
	c.Send("POST /digest/all HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n")
	wantStatus(t, c.Response("POST"), 501)
}

// TestDescriptorsRunOut has more clients than the front has descriptors: those that are connected are served, the log says it once, no
// processor is busy with it, and when there is room again, those that wait are served.
func TestDescriptorsRunOut(t *testing.T) {
	s := testkit.Start(t, options{App: "load:app", Plain: true})
	served := s.Dial()
	wantStatus(t, served.Get("/"), 200)
	front := s.Front()
	const limit = 64
	if err := unix.Prlimit(front.PID, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}, nil); err != nil {
		t.Fatal(err)
	}
	var conns []net.Conn
	for range 100 {
		c, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	const lack = "connections cannot be accepted for now.*too many open files"
	s.Err.Wait(t, lack)
	before := front.CPU()
	testkit.Holds(t, 2*time.Second, "who is connected is served", func() bool { return served.Get("/").Status == 200 })
	if used := front.CPU() - before; used > time.Second {
		t.Errorf("the front used %v of the processor in two seconds", used)
	}
	for _, c := range conns[:90] {
		c.Close()
	}
	late := conns[99] // which waits in the queue of the kernel
	_ = late.SetDeadline(time.Now().Add(testkit.Patience))
	if _, err := io.WriteString(late, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(late), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("a client that had to wait: %v, %v", resp, err)
	}
	wantStatus(t, s.Get("/"), 200)
	if lines := s.Err.Lines(lack); len(lines) != 1 {
		t.Errorf("told %d times: %q", len(lines), lines)
	}
}
