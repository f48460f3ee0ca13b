package test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/kirin-server/kirin/test/testkit"
)

// attacker is a client of HTTP/2 that writes what it likes.
type attacker struct {
	*http2.Framer
	conn *tls.Conn
	next uint32
	get  []byte // heads of requests
	post []byte
}

// attack connects, and has what the server says read and thrown away, or not read at all.
func attack(addr string, deaf bool, settings ...http2.Setting) (*attacker, error) {
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return nil, err
	}
	a := &attacker{Framer: http2.NewFramer(c, c), conn: c, next: 1, get: heads("GET"), post: heads("POST")}
	if !deaf {
		go func() { _, _ = io.Copy(io.Discard, c) }() // ends with the connection
	}
	if _, err = io.WriteString(c, http2.ClientPreface); err == nil {
		err = a.WriteSettings(settings...)
	}
	return a, err
}

func heads(method string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":path", "/large"}, {":authority", "localhost"}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}) // to memory
	}
	return b.Bytes()
}

// begin begins a stream. Nothing of a head goes into the table of HPACK twice: so each is read on its own.
func (a *attacker) begin(block []byte, endStream, endHeaders bool) (uint32, error) {
	id := a.next
	a.next += 2
	return id, a.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: endStream, EndHeaders: endHeaders})
}

// An onslaught is what one connection does; again says whether another one follows when the server has ended it.
type onslaught struct {
	connections int
	deaf        bool
	again       bool
	settings    []http2.Setting
	run         func(a *attacker, over <-chan struct{}) error
}

func forever(step func(*attacker) error) func(*attacker, <-chan struct{}) error {
	return func(a *attacker, over <-chan struct{}) error {
		for {
			select {
			case <-over:
				return nil
			default:
			}
			if err := step(a); err != nil {
				return err
			}
		}
	}
}

// once does so many steps, and stays.
func once(steps int, step func(*attacker) error) func(*attacker, <-chan struct{}) error {
	return func(a *attacker, over <-chan struct{}) error {
		for range steps {
			if err := step(a); err != nil {
				return err
			}
		}
		<-over
		return nil
	}
}

var onslaughts = map[string]onslaught{
	"rapid reset (CVE-2023-44487)": {connections: 10, again: true, run: forever(func(a *attacker) error {
		id, err := a.begin(a.get, true, true)
		if err == nil {
			err = a.WriteRSTStream(id, http2.ErrCodeCancel)
		}
		return err
	})},
	"CONTINUATION (CVE-2024-24549)": {connections: 10, again: true, run: func(a *attacker, over <-chan struct{}) error {
		id, err := a.begin(a.get, true, false)
		if err != nil {
			return err
		}
		return forever(func(a *attacker) error { return a.WriteContinuation(id, false, bytes.Repeat([]byte{0x82}, 1000)) })(a, over)
	}},
	"SETTINGS, answers unread": {connections: 10, deaf: true, again: true, run: forever(func(a *attacker) error {
		return a.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1})
	})},
	"PING, answers unread": {connections: 10, deaf: true, again: true, run: forever(func(a *attacker) error { return a.WritePing(false, [8]byte{1}) })},
	"windows of zero": {connections: 10, settings: []http2.Setting{{ID: http2.SettingInitialWindowSize}}, run: once(100, func(a *attacker) error {
		_, err := a.begin(a.get, true, true)
		return err
	})},
	"half a head each": {connections: 300, run: once(1, func(a *attacker) error {
		id, err := a.begin(a.get, true, false)
		if err == nil {
			err = a.WriteContinuation(id, false, bytes.Repeat([]byte{0x82}, 16000))
		}
		return err
	})},
	"half a body each": {connections: 10, run: once(100, func(a *attacker) error {
		id, err := a.begin(a.post, false, true)
		if err == nil {
			err = a.WriteData(id, false, make([]byte, 8000))
		}
		return err
	})},
}

// largeApp answers what no window takes at once.
const largeApp = `
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"x" * 200000] if environ["PATH_INFO"] == "/large" else [b"hello"]
`

// TestHTTP2Attacks: while a client does its worst with HTTP/2, another one is served, and the front grows by little.
func TestHTTP2Attacks(t *testing.T) {
	dir := folder(t, map[string]string{"large.py": largeApp})
	cert, key := testkit.NewAuthority(t, "Test CA", nil).Issue(nil, "localhost").Write(dir, "shop")
	for name, o := range onslaughts {
		t.Run(name, func(t *testing.T) {
			s := testkit.Start(t, options{App: "large:app", Dir: dir, Plain: true, Args: args("--workers 2 --certfile " + cert + " --keyfile " + key)})
			latencies2(t, s, 0)
			usual := latencies2(t, s, testkit.Long(50*time.Millisecond, 500*time.Millisecond))
			underAttack(t, s, func() {
				end := o.begin(t, s)
				defer end()
				t.Logf("p99 of a normal client: %v, under attack %v", usual, latencies2(t, s, testkit.Long(700*time.Millisecond, 3*time.Second))) // figures: that it is answered is what is asserted
			})
		})
	}
}

// begin attacks until end is called, and wants every connection to have come as far as to attack.
func (o onslaught) begin(t *testing.T, s *testkit.Server) (end func()) {
	t.Helper()
	var wg, begun sync.WaitGroup
	over := make(chan struct{})
	begun.Add(o.connections)
	for range o.connections {
		wg.Go(func() {
			var first sync.Once
			defer first.Do(begun.Done)
			for again := true; again; again = o.again && !closed(over) {
				a, err := attack(s.Addr, o.deaf, o.settings...)
				if a == nil {
					t.Errorf("no connection to attack by: %v", err)
					return
				}
				first.Do(begun.Done)
				stop := make(chan struct{})
				wg.Go(func() { // one that is stuck ends, too
					select {
					case <-over:
					case <-stop:
					}
					a.conn.NetConn().Close()
				})
				_ = o.run(a, over)
				close(stop)
			}
		})
	}
	begun.Wait()
	return func() {
		close(over)
		wg.Wait()
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// latencies2 gives the 99th percentile of requests in HTTP/2, one after the other.
func latencies2(t *testing.T, s *testkit.Server, during time.Duration) time.Duration {
	t.Helper()
	var p http.Protocols
	p.SetHTTP2(true)
	tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr, Timeout: 4 * testkit.Patience}
	var all []time.Duration
	for began := time.Now(); time.Since(began) < during || len(all) == 0; {
		at := time.Now()
		resp, err := client.Get("https://" + s.Addr + "/")
		if status, body := fetch(t, resp, err); status != 200 || body != "hello" {
			t.Fatalf("a normal client is answered %d %q", status, body)
		}
		all = append(all, time.Since(at))
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}
