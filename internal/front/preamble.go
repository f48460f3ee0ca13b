package front

import (
	"net/http"
	"net/netip"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/proxies"
)

// greets says whether connections may begin with a header of the PROXY protocol.
func (s *Server) greets() bool { return s.front.options.Load().Proxy != 0 }

// greet takes a header of the PROXY protocol off the start of a connection. done is false when more of it has to come. A connection
// without one is served as it is, as Gunicorn does it; a header of somebody who may not send one is refused before it is read.
func (c *conn) greet() (done bool, err error) {
	m, o := c.mem, c.server.front.options.Load()
	switch o.Proxy.Match(m.buf[m.start:m.end]) {
	case proxies.No:
		c.greets = false
		return true, nil
	case proxies.Perhaps:
		return false, nil
	}
	if !within(c.peer, o.ProxyAllow) && !o.ProxyAllowAll && !local(c.peer, c.local) {
		return false, &http1.Error{
			Status: http.StatusForbidden, Why: "a PROXY protocol header from a peer that proxy_allow_ips does not allow",
		}
	}
	p, n, err := proxies.Parse(m.buf[m.start:m.end])
	if err != nil {
		return false, &http1.Error{Status: http.StatusBadRequest, Why: err.Error()}
	}
	if n == 0 {
		return false, nil
	}
	m.start += n
	c.greets = false
	if p.Protocol != "" {
		c.preamble = &p
	}
	return true, nil
}

// unread forgets the head that the memory was used for last: the connection is refused before it has sent one.
func (m *memory) unread() { m.head = http1.Head{Fields: m.head.Fields[:0], Minor: -1} }

// local says whether a peer is one behind a Unix socket.
func local(peer, local netip.AddrPort) bool { return !peer.IsValid() && !local.IsValid() }

// within says whether an address is in one of the networks.
func within(peer netip.AddrPort, networks []netip.Prefix) bool {
	addr := peer.Addr().Unmap().WithZone("") // no prefix holds an address with a zone
	for _, p := range networks {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
