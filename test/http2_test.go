package test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/kirin-server/kirin/test/testkit"
)

// port is that of a server's first address.
func port(s *testkit.Server) string { return s.Addr[strings.LastIndexByte(s.Addr, ':')+1:] }

// TestHTTP2Curl wants curl served over TLS and by prior knowledge, and told as HTTP/2.0 in the access log.
func TestHTTP2Curl(t *testing.T) {
	t.Parallel()
	plain := testkit.FreeAddr()
	s := startTLS(t, "echo:app", "--bind", "http://"+plain, "--http2-cleartext", "prior-knowledge", "--access-logfile", "-")
	body := filepath.Join(s.dir, "body")
	write(t, body, strings.Repeat("0123456789", 100_000))
	for _, args := range [][]string{
		{"--http2", "--cacert", s.ca, "https://localhost:" + port(s.Server) + "/"},
		{"--http2-prior-knowledge", "http://" + plain + "/"},
	} {
		out, err := exec.Command("curl", append([]string{"-sS", "--data-binary", "@" + body, "-w", "%{http_version}"}, args...)...).CombinedOutput()
		if err != nil || string(out) != read(t, body)+"2" {
			t.Errorf("%v: %d bytes, %v: %.300s", args, len(out), err, out[max(0, len(out)-100):])
		}
		s.Out.Wait(t, `"POST / HTTP/2.0" 200 1000000`)
		s.Out.Mark()
	}
}

// TestHTTP2Spec runs h2spec: all of it over TLS, strict cases too; without TLS all but its section 3, for what is no preface of HTTP/2 there is
// answered as a request of HTTP/1.1.
func TestHTTP2Spec(t *testing.T) {
	t.Parallel()
	plain := testkit.FreeAddr()
	s := startTLS(t, "environ:app", "--bind", "http://"+plain, "--http2-cleartext", "prior-knowledge")
	program := filepath.Join(s.dir, "h2spec")
	build := exec.Command("go", "-C", filepath.Join(testkit.Root(), "tools"), "build", "-o", program, "github.com/summerwind/h2spec/cmd/h2spec")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for passed, args := range map[string]string{
		"146 tests, 146 passed": "-S -t -k -p " + port(s.Server),
		"144 tests, 144 passed": "-S -p " + plain[strings.LastIndexByte(plain, ':')+1:] + " generic hpack http2/4 http2/5 http2/6 http2/7 http2/8",
	} {
		out, err := exec.Command(program, append([]string{"-h", "127.0.0.1", "-o", "10"}, strings.Fields(args)...)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), passed+", 0 skipped, 0 failed") {
			t.Errorf("%v: %v\n%s", args, err, failures(string(out)))
		}
	}
}

// failures is the end of what h2spec says, where those are.
func failures(out string) string {
	if at := strings.LastIndex(out, "Failures:"); at >= 0 {
		return out[at:]
	}
	return out[max(0, len(out)-2000):]
}

// TestHTTP2Load wants every request of many streams on many connections answered.
func TestHTTP2Load(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "hello:app", "--workers", "2")
	out, err := exec.Command("h2load", "-n", "3000", "-c", "20", "-m", "20", "https://localhost:"+port(s.Server)+"/").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "3000 succeeded, 0 failed, 0 errored") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestHTTP2NothingLost wants no request lost while the server reloads and hands over.
func TestHTTP2NothingLost(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "hello:app", "--workers", "2")
	var wg sync.WaitGroup
	stop := make(chan struct{})
	var mu sync.Mutex
	count, failed := 0, []error(nil)
	for range 3 {
		var p http.Protocols
		p.SetHTTP2(true)
		tr := &http.Transport{Protocols: &p, TLSClientConfig: &tls.Config{RootCAs: s.root.Pool(), ServerName: "localhost"}}
		client := &http.Client{Transport: tr, Timeout: 4 * testkit.Patience}
		t.Cleanup(tr.CloseIdleConnections)
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := client.Post("https://"+s.Addr, "text/plain", strings.NewReader("hello")) // which no client sends again
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != 200 {
						err = fmt.Errorf("answered %s", resp.Status)
					}
				}
				mu.Lock()
				if count++; err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
			}
		})
	}
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reloaded")
	s.Signal(syscall.SIGUSR2)
	s.Err.Wait(t, "has taken over")
	s.Err.Wait(t, "Shutting down: kirin")
	close(stop)
	wg.Wait()
	if len(failed) > 0 || count == 0 {
		t.Errorf("%d of %d requests failed, first: %v", len(failed), count, failed)
	}
}

// TestHTTP2WebSocket wants a WebSocket on a stream (RFC 8441).
func TestHTTP2WebSocket(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "sockets:app", "--access-logfile", "-")
	c, err := tls.Dial("tcp", s.Addr, &tls.Config{RootCAs: s.root.Pool(), ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(2 * testkit.Patience))
	fr := http2.NewFramer(c, c)
	fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	var block bytes.Buffer
	henc := hpack.NewEncoder(&block)
	for _, f := range [][2]string{
		{":method", "CONNECT"},
		{":protocol", "websocket"},
		{":scheme", "https"},
		{":path", "/echo"},
		{":authority", "localhost"},
		{"sec-websocket-version", "13"},
		{"sec-websocket-protocol", "chat"},
	} {
		must(t, henc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]}))
	}
	_, err = io.WriteString(c, http2.ClientPreface)
	must(t, err)
	must(t, fr.WriteSettings())
	offered, opened, echoed, closing := false, false, false, false
	must(t, fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}))
	for ended := false; !ended; {
		f, err := fr.ReadFrame()
		must(t, err)
		switch f := f.(type) {
		case *http2.SettingsFrame:
			v, ok := f.Value(http2.SettingEnableConnectProtocol)
			offered = offered || ok && v == 1
		case *http2.MetaHeadersFrame:
			opened = f.PseudoValue("status") == "200" && strings.Contains(fmt.Sprint(f.RegularFields()), "chat")
			must(t, fr.WriteData(1, false, []byte{0x81, 0x82, 0, 0, 0, 0, 'h', 'i'})) // a masked text
		case *http2.DataFrame:
			if echoed = echoed || bytes.Contains(f.Data(), []byte("hi")); echoed && !closing {
				closing = true
				must(t, fr.WriteData(1, false, []byte{0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa1})) // Close, 4001
			}
			ended = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			t.Fatalf("it ends with %v", f)
		}
	}
	if !offered || !opened || !echoed {
		t.Errorf("offered %v, opened %v, echoed %v", offered, opened, echoed)
	}
	s.Trace.Wait(t, 1, "disconnect", "4001")
	s.Out.Wait(t, `"GET /echo HTTP/2.0" 200 `)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
