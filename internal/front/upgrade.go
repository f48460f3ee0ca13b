package front

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/websocket"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// raw says whether an application may want to speak the protocol by itself that the Upgrade field names. HTTP/2 and TLS are not its
// affair, and many clients ask for them by the way.
func raw(upgrade string) bool {
	first, _, _ := strings.Cut(upgrade, ",")
	name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(first)), "/")
	return name != "" && name != "h2c" && name != "http" && name != "tls"
}

// offer has a worker answer a request, and offers it the client's bytes instead.
func (s *service) offer() {
	ours, theirs, err := socketPair()
	if err != nil {
		s.log().Error(fmt.Sprintf("make a socket for an upgrade: %v", err))
		s.page(http.StatusServiceUnavailable, "no connection can be upgraded now")
		return
	}
	s.sock, s.theirs = ours, theirs
	defer func() {
		s.sock.Close()
		s.theirs.Close()
	}()
	iface := s.f.pool.Interface()
	s.box = newMailbox()
	s.box.leaving = make(chan struct{})
	s.req = &workers.Request{
		Environ: s.encode(iface), Interface: iface, Encode: s.encode,
		Kind: wire.Raw, File: theirs, Safe: safe(s.x.Method), Reply: s.box,
	}
	s.f.pool.Submit(s.req)
	s.answer()
}

// passage passes the client's bytes to the worker that wants them, and back what it answers, until it ends that. It reports whether the
// request has ended in the pool, too.
func (s *service) passage() bool {
	s.begun, s.x.Status, s.x.Pid, s.x.Worker = true, http.StatusSwitchingProtocols, s.req.Pid(), s.req.Worker()
	client, read := s.taker.Take()
	client.SetWriteDeadline(time.Now().Add(s.o.StallTimeout))
	p := websocket.Passage{
		Client: client, Read: read, Worker: s.sock,
		Stall: s.o.StallTimeout, Ending: s.taker.Ending(), Leaving: s.box.leaving, Context: s.x.Context,
	}
	sent, status := p.Run()
	if s.x.Sent = sent; status != 0 {
		s.x.Status = status
	}
	client.Close()
	return s.settle()
}
