package http2

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

func fields(pairs ...string) (all []hpack.HeaderField) {
	for i := 0; i < len(pairs); i += 2 {
		all = append(all, hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return all
}

// TestParseRequest: what is malformed by RFC 9113 §8, and what is not.
func TestParseRequest(t *testing.T) {
	get := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "a"}
	with := func(more ...string) []hpack.HeaderField { return fields(append(get[:len(get):len(get)], more...)...) }
	for name, c := range map[string]struct {
		fields []hpack.HeaderField
		bad    bool
	}{
		"plain":             {with("x", "1"), false},
		"te":                {with("te", "trailers"), false},
		"length":            {with("content-length", "5", "content-length", "5"), false},
		"CONNECT":           {fields(":method", "CONNECT", ":authority", "a:1"), false},
		"WebSocket":         {fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "a"), false},
		"capitals":          {with("X", "1"), true},
		"no name":           {with("", "1"), true},
		"odd name":          {with("a b", "1"), true},
		"line end":          {with("a", "1\r\nb: 2"), true},
		"NUL":               {with("a", "\x00"), true},
		"blank before":      {with("a", " 1"), true},
		"late pseudo":       {with("a", "1", ":path", "/"), true},
		"twice":             {with(":path", "/"), true},
		"unknown pseudo":    {with(":x", "/"), true},
		"status":            {with(":status", "200"), true},
		"connection":        {with("connection", "close"), true},
		"upgrade":           {with("upgrade", "h2c"), true},
		"transfer-encoding": {with("transfer-encoding", "chunked"), true},
		"te otherwise":      {with("te", "gzip"), true},
		"two lengths":       {with("content-length", "5", "content-length", "6"), true},
		"odd length":        {with("content-length", "+5"), true},
		"no method":         {fields(get[2:]...), true},
		"no path":           {fields(append(get[:4:4], ":path", "")...), true},
		"OPTIONS *":         {fields(":method", "OPTIONS", ":scheme", "https", ":path", "*", ":authority", "a"), false},
		"absolute":          {fields(append(get[:4:4], ":path", "https://b/", ":authority", "a")...), true},
		"absolute alone":    {fields(append(get[:4:4], ":path", "https://b/")...), true},
		"GET *":             {fields(append(get[:4:4], ":path", "*", ":authority", "a")...), true},
		"authority as path": {fields(append(get[:4:4], ":path", "b:443", ":authority", "a")...), true},
		"query as path":     {fields(append(get[:4:4], ":path", "?a", ":authority", "a")...), true},
		"absolute, socket":  {fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "https://b/", ":authority", "a"), true},
		"*, socket":         {fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "*", ":authority", "a"), true},
		"CONNECT with path": {fields(":method", "CONNECT", ":authority", "a:1", ":path", "/"), true},
		"protocol and GET":  {fields(append([]string{":protocol", "websocket"}, get...)...), true},
	} {
		if _, err := parseRequest(c.fields, false, true); (err != nil) != c.bad {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parseRequest(fields(":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "a"), false, false); err == nil {
		t.Error("extended CONNECT is taken where it is not offered")
	}
}

// TestFlood: a stock empties, and fills up with time.
func TestFlood(t *testing.T) {
	var s stock
	now := time.Now()
	for range 10 {
		if err := s.take(10, 1, now); err != nil {
			t.Fatal(err)
		}
	}
	if s.take(10, 1, now) == nil {
		t.Error("the stock has no end")
	}
	if err := s.take(10, 1, now.Add(5*time.Second)); err != nil {
		t.Errorf("it does not fill up: %v", err)
	}
}

// serve runs a connection on what a client sends, which ends, and gives what it answers.
func serve(t testing.TB, sent []byte) {
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		New(ours, ours, Options{Streams: 3, Stall: time.Second, Head: time.Second, Idle: time.Second, Connect: true, Serve: func(s *Stream) {
			_, err := io.Copy(io.Discard, s)
			if err == nil && s.Path != "/none" {
				s.Head(200, fields("a", "b"), -1)
				_, _ = s.Write([]byte("hello"))
				s.End(nil)
			}
		}}).Serve()
		ours.Close()
	}()
	go func() {
		_, _ = theirs.Write(sent)
		theirs.Close()
	}()
	_, _ = io.Copy(io.Discard, theirs)
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("the connection does not end")
	}
}

// FuzzConn: whatever comes, the connection ends, and nothing of it is left.
func FuzzConn(f *testing.F) {
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	var block bytes.Buffer
	henc := hpack.NewEncoder(&block)
	for _, field := range fields(":method", "POST", ":scheme", "https", ":path", "/", ":authority", "a", "content-length", "5") {
		_ = henc.WriteField(field)
	}
	b.WriteString(http2.ClientPreface)
	_ = fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 3})
	_ = fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true})
	_ = fr.WriteData(1, true, []byte("hello"))
	_ = fr.WriteWindowUpdate(0, 100)
	_ = fr.WriteWindowUpdate(1, 100)
	_ = fr.WritePing(false, [8]byte{1})
	_ = fr.WriteRSTStream(1, http2.ErrCodeCancel)
	_ = fr.WriteGoAway(0, http2.ErrCodeNo, nil)
	f.Add(b.Bytes())
	f.Add([]byte(http2.ClientPreface))
	f.Add([]byte(strings.Repeat("x", 30)))
	f.Fuzz(func(t *testing.T, sent []byte) { serve(t, sent) })
}
