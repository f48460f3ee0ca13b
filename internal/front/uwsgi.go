package front

import (
	"net/http"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/proxies"
)

// stated is what a peer that speaks uwsgi says of its client.
type stated struct{ proxies.UWSGI }

// uwsgi says whether connections speak uwsgi.
func (s *Server) uwsgi() bool { return s.front.options.Load().UWSGI }

// parseUWSGI is parseHead for a peer that speaks uwsgi: what the packet says becomes the head of an HTTP/1.0 request, so that the one parser
// judges it. The answer ends with the connection.
func (c *conn) parseUWSGI() (n int, err error) {
	m, o := c.mem, c.server.front.options.Load()
	refuse := func(status int, why string) (int, error) {
		m.unread()
		return 0, &http1.Error{Status: status, Why: why}
	}
	if !within(c.peer, o.UWSGIAllow) && !o.UWSGIAllowAll && !local(c.peer, c.local) {
		return refuse(http.StatusForbidden, "uwsgi from a peer that uwsgi_allow_ips does not allow")
	}
	packet, size, err := proxies.ParseUWSGI(m.buf[m.start:m.end])
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	if size == 0 {
		return 0, nil
	}
	head, err := packet.Head()
	if err != nil {
		return refuse(http.StatusBadRequest, err.Error())
	}
	c.stated = &stated{packet}
	m.parser.Limits = c.server.front.limits()
	switch n, err := m.parser.Parse(&m.head, head); {
	case err != nil:
		return 0, err
	case n != len(head):
		return refuse(http.StatusBadRequest, "the variables do not make one request")
	}
	return size, nil
}

// restate has an exchange say what the client has said to the peer, not what is spoken here.
func (x *Exchange) restate() {
	if x.stated != nil {
		x.Proto = x.stated.Proto()
	}
}

// appendStated writes the variables that only the peer knows of, such as those of uwsgi_param lines.
func appendStated(b []byte, st *stated) []byte {
	if st != nil {
		st.Each(func(name, value string) { b = pair(b, name, value) })
	}
	return b
}
