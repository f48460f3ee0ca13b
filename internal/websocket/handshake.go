package websocket

import (
	"encoding/base64"
	"iter"
	"net/http"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// A Handshake is what a client has asked for (RFC 6455 §4.2.1).
type Handshake struct {
	Protocols []string // subprotocols, the one it likes best first
	key       string
	deflate   bool
}

// Refusal is why a handshake is no good, and the status that says so.
type Refusal struct {
	Status int
	Why    string
}

func (r *Refusal) Error() string { return r.Why }

// Version is the protocol's version, which Sec-WebSocket-Version carries.
const Version = "13"

// Asked says whether the Upgrade field of a request asks for a WebSocket.
func Asked(upgrade string) bool { return strings.EqualFold(upgrade, "websocket") }

// ParseHandshake reads what a request asks for; field gives its header fields, joined by commas. The error is a [*Refusal].
func ParseHandshake(method, proto string, field func(name string) string) (*Handshake, error) {
	h := &Handshake{key: field("Sec-WebSocket-Key")}
	key, err := base64.StdEncoding.DecodeString(h.key)
	switch {
	case method != http.MethodGet || proto == "HTTP/1.0":
		return nil, &Refusal{http.StatusBadRequest, "a WebSocket begins with GET in HTTP/1.1"}
	case field("Sec-WebSocket-Version") != Version:
		return nil, &Refusal{http.StatusUpgradeRequired, "the version of the WebSocket is not " + Version}
	case err != nil || len(key) != 16:
		return nil, &Refusal{http.StatusBadRequest, "Sec-WebSocket-Key is not 16 bytes in base64"}
	}
	h.options(field)
	return h, nil
}

// ParseConnect reads what an extended CONNECT asks for (RFC 8441 §5). The error is a [*Refusal].
func ParseConnect(field func(name string) string) (*Handshake, error) {
	if field("Sec-WebSocket-Version") != Version {
		return nil, &Refusal{http.StatusBadRequest, "the version of the WebSocket is not " + Version}
	}
	h := &Handshake{}
	h.options(field)
	return h, nil
}

// options reads what both kinds have.
func (h *Handshake) options(field func(name string) string) {
	for name := range strings.SplitSeq(field("Sec-WebSocket-Protocol"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			h.Protocols = append(h.Protocols, name)
		}
	}
	h.deflate = asksDeflate(field("Sec-WebSocket-Extensions"))
}

// deflateAccepted is the extension as it is accepted.
const deflateAccepted = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

// Fields are those by which a response says what was chosen, whatever the version of HTTP: name and value.
func (h *Handshake) Fields(subprotocol string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		if subprotocol != "" && !yield("Sec-WebSocket-Protocol", subprotocol) {
			return
		}
		if h.deflate {
			yield("Sec-WebSocket-Extensions", deflateAccepted)
		}
	}
}

// asksDeflate looks whether the client would compress messages, each by itself.
func asksDeflate(extensions string) bool {
	if extensions == "" {
		return false
	}
	options, ok := httphead.ParseOptions([]byte(extensions), nil)
	if !ok {
		return false
	}
	e := wsflate.Extension{Parameters: wsflate.DefaultParameters}
	for _, o := range options {
		if _, err := e.Negotiate(o); err != nil {
			return false
		}
	}
	_, accepted := e.Accepted()
	return accepted
}

// Plain has nothing compressed.
func (h *Handshake) Plain() { h.deflate = false }

// AppendResponse appends the head of the response that opens the WebSocket (RFC 6455 §4.2.2), but for further fields and the empty line.
func (h *Handshake) AppendResponse(b []byte, subprotocol string) []byte {
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(append(b, accept(h.key)...), "\r\n"...)
	for name, value := range h.Fields(subprotocol) {
		b = append(append(append(append(b, name...), ": "...), value...), "\r\n"...)
	}
	return b
}
