package front

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// settleTime is how long the application has for what it does when a WebSocket has ended.
const settleTime = 10 * time.Second

// webSocket has a worker answer a handshake, and serves the WebSocket until it ends.
func (s *service) webSocket() {
	h, err := s.parseHandshake()
	if refusal, ok := errors.AsType[*websocket.Refusal](err); ok {
		s.refuseSocket(refusal)
		return
	}
	if s.o.WebSocket.Plain {
		h.Plain()
	}
	s.x.handshake = h
	ours, theirs, err := socketPair()
	if err != nil {
		s.log().Error(fmt.Sprintf("make a socket for a WebSocket: %v", err))
		s.page(http.StatusServiceUnavailable, "no WebSocket can be opened now")
		return
	}
	s.sock, s.theirs = ours, theirs
	defer s.unpair()
	s.box = newMailbox()
	s.req = &workers.Request{
		Environ: s.encode(workers.ASGI), Interface: workers.ASGI, Encode: s.encode,
		Kind: wire.WebSocket, File: theirs, Safe: true, Reply: s.box,
	}
	s.f.pool.Submit(s.req)
	s.answer()
}

func (s *service) refuseSocket(r *websocket.Refusal) {
	if r.Status == http.StatusUpgradeRequired {
		s.begin(&head{status: r.Status, fields: []Field{{Name: "Sec-WebSocket-Version", Value: websocket.Version}}}, 0)
		return
	}
	s.refuse(r.Status, r.Why)
}

// pair gives the end of a socket for a worker that knows of no messages in frames.
func (s *service) pair() (*os.File, error) {
	if s.sock == nil {
		ours, theirs, err := socketPair()
		if err != nil {
			return nil, fmt.Errorf("make a socket for a WebSocket: %w", err)
		}
		s.sock, s.theirs = ours, theirs
	}
	return s.theirs, nil
}

// unpair closes both ends, if there are any.
func (s *service) unpair() {
	if s.sock != nil {
		s.sock.Close()
		s.theirs.Close()
	}
}

// socketPair makes a socket for a worker, and our end of it.
func socketPair() (ours net.Conn, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	if ours, err = wire.UnixConn(os.NewFile(uintptr(fds[0]), "socket")); err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	return ours, os.NewFile(uintptr(fds[1]), "socket"), nil
}

// open begins what a worker has accepted; the pool has seen that it is an upgrade.
func (s *service) open(r *wire.Response) bool {
	s.theirs.Close() // so that we see when the worker closes its own
	if s.x.handshake == nil {
		return s.passage()
	}
	return s.relay(r)
}

// relay opens the WebSocket that a worker has accepted and serves it. It reports whether the request has ended in the pool, too.
func (s *service) relay(r *wire.Response) bool {
	fields, subprotocol, err := checkAccept(r)
	if err != nil {
		s.log().Error(fmt.Sprintf("%v (%s %s)", err, s.x.Method, s.x.Target))
		s.page(http.StatusInternalServerError, "the application's answer is not valid")
		return s.release()
	}
	s.begun, s.x.Status, s.x.Pid, s.x.Worker = true, http.StatusSwitchingProtocols, s.req.Pid(), s.req.Worker()
	client, read, err := s.openSocket(fields, subprotocol)
	if err != nil {
		return s.release()
	}
	relay := websocket.Relay{
		Handshake: s.x.handshake, Client: client, Read: read, Worker: s.sock, MaxMessage: s.o.WebSocket.MaxMessage, Budget: s.f.inflating,
		PingEvery: s.o.WebSocket.PingEvery, PingTimeout: s.o.WebSocket.PingTimeout,
		Stall: s.o.StallTimeout, Ending: s.taker.Ending(), Context: s.x.Context,
	}
	s.x.Sent = relay.Run()
	client.Close()
	return s.settle()
}

// parseHandshake reads what the client asks for: a key, too, but on a stream of HTTP/2.
func (s *service) parseHandshake() (*websocket.Handshake, error) {
	if _, ok := s.taker.(accepter); ok {
		return websocket.ParseConnect(s.x.Field)
	}
	return websocket.ParseHandshake(s.x.Method, s.x.Proto, s.x.Field)
}

// accepter is a Taker that sends a head of its own kind in place of 101.
type accepter interface{ Accept(fields []Field) }

// openSocket sends the response that opens the WebSocket.
func (s *service) openSocket(fields []Field, subprotocol string) (net.Conn, io.Reader, error) {
	if a, ok := s.taker.(accepter); ok {
		s.x.Status = http.StatusOK
		a.Accept(append(s.handshakeFields(subprotocol), fields...))
		client, read := s.taker.Take()
		return client, read, nil
	}
	out := s.x.handshake.AppendResponse(nil, subprotocol)
	for _, f := range fields {
		out = append(append(append(append(out, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	client, read := s.taker.Take()
	client.SetWriteDeadline(time.Now().Add(s.o.StallTimeout))
	_, err := client.Write(append(out, "\r\n"...))
	return client, read, err
}

func (s *service) handshakeFields(subprotocol string) (fields []Field) {
	for name, value := range s.x.handshake.Fields(subprotocol) {
		fields = append(fields, Field{Name: name, Value: value})
	}
	return fields
}

// settle lets the application see how the WebSocket has ended before it is cancelled.
func (s *service) settle() bool {
	select {
	case <-s.box.wake:
		letter, ok := s.box.take()
		letter.close()
		return ok && letter.failure == 0
	case <-time.After(settleTime):
		return s.release()
	}
}

// checkAccept checks what a worker wants in the response that opens a WebSocket.
func checkAccept(r *wire.Response) ([]Field, string, error) {
	if len(r.Body) > 0 && !http1.ValidName(r.Body) {
		return nil, "", fmt.Errorf("the application's subprotocol is not valid: %.100q", r.Body)
	}
	r.Status = []byte("200")
	var h head
	if err := h.read(r); err != nil {
		return nil, "", err
	}
	return h.fields, string(r.Body), nil
}
