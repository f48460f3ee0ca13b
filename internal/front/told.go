package front

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/proxies"
)

// Told are fields by which proxies tell who the client is and what it has asked for. Only those are to be believed that the proxy sets, or
// removes, in each request: what it passes on as it came is the client's word.
type Told uint8

// The fields. Forwarded (RFC 7239) stands for all but the last two, and excludes the others.
const (
	ToldFor    Told = 1 << iota // X-Forwarded-For
	ToldProto                   // X-Forwarded-Proto
	ToldHost                    // X-Forwarded-Host
	ToldPort                    // X-Forwarded-Port
	ToldPrefix                  // X-Forwarded-Prefix
	Forwarded
)

// ToldNames are the names of the fields.
func ToldNames() map[string]Told {
	return map[string]Told{
		"x-forwarded-for": ToldFor, "x-forwarded-proto": ToldProto, "x-forwarded-host": ToldHost, "x-forwarded-port": ToldPort,
		"x-forwarded-prefix": ToldPrefix, "forwarded": Forwarded,
	}
}

// resolve finds who the client is and what it has asked for, by the PROXY protocol and then by the fields of a trusted proxy. why is not
// empty when these make no sense: then they are not the proxy's own.
func (o *Options) resolve(x *Exchange) (why string) {
	if p := x.Preamble; p != nil {
		x.Client = p.Source
	}
	if x.stated != nil {
		x.Client = cmp.Or(x.stated.Client(), x.Client)
	}
	switch {
	case o.ProxyFields == 0 || !o.trusted(x):
		return ""
	case o.ProxyFields&Forwarded != 0:
		return o.resolveForwarded(x)
	}
	return o.resolveFields(x)
}

// resolveForwarded goes by Forwarded. All that is taken comes from the element of one proxy.
func (o *Options) resolveForwarded(x *Exchange) (why string) {
	lines := x.lines("Forwarded")
	if len(lines) == 0 {
		return ""
	}
	elements, ok := proxies.ParseForwarded(lines)
	if !ok {
		return fmt.Sprintf("the proxy's Forwarded is malformed (RFC 7239 §4): %.200q", strings.Join(lines, ", "))
	}
	nodes := make([]string, len(elements))
	for i := range elements {
		nodes[i] = elements[i].For
	}
	client, hops := o.walk(nodes)
	if client.IsValid() {
		x.Client = client
	}
	e := pick(elements, hops)
	return x.tell(e.Proto, e.Host, "")
}

// resolveFields goes by X-Forwarded-For and its kin, each of which a proxy may have appended to or written anew.
func (o *Options) resolveFields(x *Exchange) (why string) {
	hops := max(o.ProxyHops, 1)
	if nodes := x.list("X-Forwarded-For"); o.ProxyFields&ToldFor != 0 && len(nodes) > 0 {
		client, count := o.walk(nodes)
		if hops = count; client.IsValid() {
			x.Client = client
		}
	}
	said := func(field Told, name string) string {
		if o.ProxyFields&field == 0 {
			return ""
		}
		return pick(x.list(name), hops)
	}
	if prefix := mountPoint(said(ToldPrefix, "X-Forwarded-Prefix")); prefix != "" {
		x.prefix = prefix
	}
	return x.tell(said(ToldProto, "X-Forwarded-Proto"), said(ToldHost, "X-Forwarded-Host"), said(ToldPort, "X-Forwarded-Port"))
}

// walk goes from the nearest node, the last, to the client: over as many as there are hops or, when that is not said, until one is not a
// trusted proxy. It gives where it has come to, not valid when that is no address, and by how many steps.
func (o *Options) walk(nodes []string) (client netip.AddrPort, hops int) {
	if o.ProxyHops > 0 {
		client, _ = proxies.ParseNode(pick(nodes, o.ProxyHops))
		return client, o.ProxyHops
	}
	for hops = 1; hops <= len(nodes); hops++ {
		node, ok := proxies.ParseNode(pick(nodes, hops))
		if !ok {
			return client, hops
		}
		if client = node; !within(node, o.Trusted) {
			return client, hops
		}
	}
	return client, len(nodes)
}

// pick gives the item that the proxy so many hops away has written. When there are fewer, the request has not come through all of them.
func pick[T any](items []T, hops int) (item T) {
	if len(items) == 0 {
		return item
	}
	return items[max(len(items)-hops, 0)]
}

// tell takes in what a proxy says of the address that the client has used. What it does not say is empty.
func (x *Exchange) tell(proto, host, port string) (why string) {
	if proto != "" {
		switch scheme := strings.ToLower(proto); scheme {
		case "http", "ws":
			x.Scheme = "http"
		case "https", "wss":
			x.Scheme = "https"
		default:
			return fmt.Sprintf("the proxy says that the scheme is %.100q, which is neither http nor https", proto)
		}
		x.told |= ToldProto
	}
	if host != "" {
		if !http1.ValidHost(host) {
			return fmt.Sprintf("the proxy says that the host is %.100q, which is no host, with or without a port", host)
		}
		x.Host = host
		x.told |= ToldHost
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return fmt.Sprintf("the proxy says that the port is %.100q, which is none", port)
		}
		x.setPort(uint16(n))
	}
	return ""
}

// setPort puts the port that the client has used into the host, where a port that goes without saying is left out.
func (x *Exchange) setPort(port uint16) {
	x.told |= ToldPort
	if name, _ := splitHost(x.Host); name != "" {
		if x.Host = name; port != schemePort(x.Scheme) {
			x.Host = name + ":" + strconv.Itoa(int(port))
		}
	}
}

// lines gives the values of a field as they came.
func (x *Exchange) lines(name string) (values []string) {
	for i := range x.Fields {
		if equalFold(x.Fields[i].Name, name) {
			values = append(values, x.Fields[i].Value)
		}
	}
	return values
}

// list gives the items of a field.
func (x *Exchange) list(name string) []string {
	lines := x.lines(name)
	if len(lines) == 0 {
		return nil
	}
	return proxies.SplitList(lines)
}
