package websocket

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// theKey and theAccept are the example of RFC 6455 §1.3.
const (
	theKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	theAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// asks gives the fields of a good handshake, with some changed.
func asks(pairs ...string) func(string) string {
	fields := map[string]string{"sec-websocket-key": theKey, "sec-websocket-version": "13"}
	for i := 0; i < len(pairs); i += 2 {
		fields[strings.ToLower(pairs[i])] = pairs[i+1]
	}
	return func(name string) string { return fields[strings.ToLower(name)] }
}

func TestHandshake(t *testing.T) {
	h, err := ParseHandshake("GET", "HTTP/1.1", asks("Sec-WebSocket-Protocol", "chat, superchat"))
	if err != nil || !slices.Equal(h.Protocols, []string{"chat", "superchat"}) || h.deflate {
		t.Fatalf("%+v, %v", h, err)
	}
	want := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + theAccept + "\r\nSec-WebSocket-Protocol: chat\r\n"
	if got := string(h.AppendResponse(nil, "chat")); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestDeflateIsNegotiated(t *testing.T) {
	for offer, want := range map[string]bool{
		"":                   false,
		"permessage-deflate": true,
		"permessage-deflate; client_max_window_bits":                     true,
		"permessage-deflate; server_max_window_bits=10":                  false, // that small is not for us
		"x-webkit-deflate-frame":                                         false,
		"x-other, permessage-deflate":                                    true,
		"permessage-deflate; server_no_context_takeover=oops=twice; ===": false,
	} {
		h, err := ParseHandshake("GET", "HTTP/1.1", asks("Sec-WebSocket-Extensions", offer))
		if err != nil || h.deflate != want {
			t.Errorf("%q: %v, %v; want %v", offer, h, err, want)
			continue
		}
		if said := strings.Contains(string(h.AppendResponse(nil, "")), "permessage-deflate"); said != want {
			t.Errorf("%q: the response says so: %v", offer, said)
		}
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		method, proto string
		field         func(string) string
		status        int
	}{
		"POST":            {"POST", "HTTP/1.1", asks(), 400},
		"HTTP/1.0":        {"GET", "HTTP/1.0", asks(), 400},
		"no key":          {"GET", "HTTP/1.1", asks("Sec-WebSocket-Key", ""), 400},
		"a short key":     {"GET", "HTTP/1.1", asks("Sec-WebSocket-Key", "dGhl"), 400},
		"not base64":      {"GET", "HTTP/1.1", asks("Sec-WebSocket-Key", strings.Repeat("!", 24)), 400},
		"another version": {"GET", "HTTP/1.1", asks("Sec-WebSocket-Version", "8"), 426},
		"no version":      {"GET", "HTTP/1.1", asks("Sec-WebSocket-Version", ""), 426},
	} {
		_, err := ParseHandshake(c.method, c.proto, c.field)
		if refusal, ok := errors.AsType[*Refusal](err); !ok || refusal.Status != c.status || refusal.Why == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAsked(t *testing.T) {
	for upgrade, want := range map[string]bool{"websocket": true, "WebSocket": true, "": false, "h2c": false} {
		if Asked(upgrade) != want {
			t.Errorf("%q", upgrade)
		}
	}
}
