package wire

import (
	"bytes"
	"io"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
)

// seed adds the payloads of every sample of a kind, and of the malformed ones.
func seed(f *testing.F, kind string) {
	n := 0
	for _, frame := range samples()[kind] {
		f.Add(frame.Payload)
		n++
	}
	if n == 0 {
		f.Fatalf("no seeds of kind %q", kind)
	}
	f.Add([]byte(list(tuple(one, one, dict(text("a"), str), beyond))))
	f.Add([]byte("[\xff\xff\xff\xff"))
	f.Add([]byte{})
}

// mustParse says whether a payload is good; a bad one must be told by a ProtocolError.
func mustParse(t *testing.T, err error) bool {
	t.Helper()
	if err != nil && !isProtocolError(err) {
		t.Fatalf("error %v is no ProtocolError", err)
	}
	return err == nil
}

// readable is a file that can be read.
var readable = sync.OnceValue(func() *os.File {
	f, err := os.Open(os.DevNull)
	if err != nil {
		panic(err)
	}
	return f
})

// lend gives as many files as there may be of use; nobody closes them.
func lend(n int) []*os.File { return slices.Repeat([]*os.File{readable()}, n) }

// What parses, encodes, and parses the same.

func FuzzParseResponses(f *testing.F) {
	seed(f, "responses")
	f.Fuzz(func(t *testing.T, payload []byte) {
		var all []*Response
		frame := Frame{Payload: payload, Files: lend(MaxDescriptors)}
		err := ParseResponses(&frame, new(Response), func(r *Response) error {
			c := new(Response)
			if err := c.Decode(bytes.Clone(r.Encoded)); err != nil {
				t.Fatalf("a response does not decode again: %v", err)
			}
			all = append(all, c)
			return nil
		})
		if !mustParse(t, err) {
			return
		}
		again := Frame{Payload: AppendResponses(nil, all...)[HeaderSize:], Files: lend(MaxDescriptors)}
		i := 0
		err = ParseResponses(&again, new(Response), func(r *Response) error {
			if !sameResponse(all[i], r) {
				t.Fatalf("%+v came back as %+v", all[i], r)
			}
			i++
			return nil
		})
		if err != nil || i != len(all) || len(again.Files) != len(frame.Files) {
			t.Fatalf("%d of %d responses came back: %v", i, len(all), err)
		}
	})
}

func FuzzParseHello(f *testing.F) {
	seed(f, "hello")
	f.Fuzz(func(t *testing.T, payload []byte) {
		h, err := ParseHello(payload)
		if !mustParse(t, err) {
			return
		}
		if h.Error == "" {
			h.Exit = 0 // it means nothing then, and is not sent
		}
		if again, err := ParseHello(AppendHello(nil, h)[HeaderSize:]); err != nil || again != h {
			t.Fatalf("%+v came back as %+v: %v", h, again, err)
		}
	})
}

func FuzzParseStatus(f *testing.F) {
	seed(f, "status")
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := ParseStatus(payload)
		if !mustParse(t, err) {
			return
		}
		if again, err := ParseStatus(AppendStatus(nil, s)[HeaderSize:]); err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v came back as %+v: %v", s, again, err)
		}
	})
}

func FuzzParseRequests(f *testing.F) {
	seed(f, "requests")
	f.Fuzz(func(t *testing.T, payload []byte) {
		var all []Request
		frame := Frame{Payload: payload, Files: lend(MaxDescriptors)}
		if !mustParse(t, ParseRequests(&frame, func(r Request) { all = append(all, r) })) {
			return
		}
		b := BeginRequests(nil)
		for i := range all {
			b = AppendRequest(b, &all[i])
			checkEnviron(t, all[i].Environ)
		}
		again := Frame{Payload: EndRequests(b, 0, len(all), 0)[HeaderSize:], Files: lend(MaxDescriptors)}
		i := 0
		err := ParseRequests(&again, func(r Request) {
			if !sameRequest(&all[i], &r) {
				t.Fatalf("%+v came back as %+v", all[i], r)
			}
			i++
		})
		if err != nil || i != len(all) {
			t.Fatalf("%d of %d requests came back: %v", i, len(all), err)
		}
	})
}

func FuzzParseMessages(f *testing.F) {
	seed(f, "messages")
	f.Fuzz(func(t *testing.T, payload []byte) {
		var all []Message
		err := ParseMessages(payload, func(m *Message) error {
			all = append(all, *m)
			return nil
		})
		if !mustParse(t, err) {
			return
		}
		b := BeginMessages(nil)
		for i := range all {
			b = AppendMessage(b, &all[i])
		}
		i := 0
		err = ParseMessages(EndMessages(b, 0, len(all))[HeaderSize:], func(m *Message) error {
			if !sameMessage(&all[i], m) {
				t.Fatalf("%+v came back as %+v", all[i], m)
			}
			i++
			return nil
		})
		if err != nil || i != len(all) {
			t.Fatalf("%d of %d messages came back: %v", i, len(all), err)
		}
	})
}

// checkEnviron walks an environ, and encodes it again when it holds strings only.
func checkEnviron(t *testing.T, environ []byte) {
	b := AppendDict(nil)
	err := EachEnviron(environ, func(key, value []byte) {
		b = AppendStr(AppendStr(b, string(key)), string(value))
	})
	if mustParse(t, err) && !bytes.Equal(AppendEnd(b), environ) {
		t.Fatalf("environ %q came back as %q", environ, b)
	}
}

// FuzzConn sends any bytes, in two parts and with a few descriptors: frames come out until an error, and nothing stays open.
func FuzzConn(f *testing.F) {
	stream := bytes.Join([][]byte{
		AppendHello(nil, hellos[0]), rawFrame(3, "payload", 1), rawFrame(99, "unknown", 2), AppendResponses(nil, responses()[0]),
	}, nil)
	f.Add(stream, 0, 3)
	f.Add(stream, 1, 0)
	f.Add(stream[:len(stream)-1], 40, 64)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1, 64, 0, 0}, 4, 1)
	f.Fuzz(func(t *testing.T, b []byte, at, descriptors int) {
		if len(b) > 100<<10 { // the socket's buffer must hold it
			return
		}
		front, worker := pair(t)
		fd, closed := sentinel(t)
		at = min(max(at, 0), len(b))
		fds := make([]int, min(max(descriptors, 0), MaxDescriptors))
		for i := range fds {
			fds[i] = fd
		}
		if at > 0 {
			send(t, worker, b[:at], fds...)
		}
		if at < len(b) {
			send(t, worker, b[at:])
		}
		if err := worker.Sock().CloseWrite(); err != nil {
			t.Fatal(err)
		}
		readAll(t, front, b)
		front.Release()
		if !closed() {
			t.Fatal("a descriptor is still open")
		}
	})
}

// readAll reads frames to the end, and holds them against the bytes that were sent.
func readAll(t *testing.T, c *Conn, sent []byte) {
	for {
		f, err := c.Next()
		if err != nil {
			if err == io.EOF && len(sent) > 0 { // itself, not wrapped
				t.Fatalf("a clean end with %d bytes unread", len(sent))
			}
			if err != io.EOF && err != io.ErrUnexpectedEOF && !isProtocolError(err) { // as above
				t.Fatalf("error %v", err)
			}
			return
		}
		want := rawFrame(f.Type, string(f.Payload), len(f.Files))
		if !bytes.HasPrefix(sent, want) {
			t.Fatalf("frame %q is not what was sent: %q", want, sent)
		}
		sent = sent[len(want):]
		f.Discard()
	}
}
