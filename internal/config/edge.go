package config

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/coding"
	"github.com/kirin-server/kirin/internal/front"
)

// Edge is what makes another server in front one that is not needed, or one that is understood.
type Edge struct {
	ProxyProtocol string // off, v1, v2 or auto
	ProxyAllow    []netip.Prefix
	ProxyAllowAll bool
	UWSGI         bool // connections speak uwsgi
	UWSGIAllow    []netip.Prefix
	UWSGIAllowAll bool
	ProxyFields   front.Told // proxy_headers
	ProxyHops     int        // 0: by ForwardedAllow

	LimitRequestBody int64 // bytes; 0: none

	HealthPath      string // empty: none
	HealthLog       bool
	RequestIDHeader string // empty: none
	ServerHeader    string // of responses; empty: none

	Files Files

	Compress        []string // codings; empty: none
	CompressTypes   []string
	CompressMinSize int // bytes
}

// edge fills that.
func (m *merge) edge(c *Config) error {
	e := &c.Edge
	e.ProxyProtocol = m.text("proxy_protocol")
	e.ProxyAllow, e.ProxyAllowAll = m.peers("proxy_allow_ips")
	e.UWSGI = m.text("protocol") == "uwsgi"
	e.UWSGIAllow, e.UWSGIAllowAll = m.peers("uwsgi_allow_ips")
	for _, name := range m.list("proxy_headers") {
		e.ProxyFields |= front.ToldNames()[strings.ToLower(name)]
	}
	e.ProxyHops = m.number("proxy_hops")
	e.LimitRequestBody = int64(m.number("limit_request_body"))
	e.HealthPath, e.HealthLog, e.RequestIDHeader = m.text("health_path"), m.flag("health_log"), m.text("request_id_header")
	e.ServerHeader = m.text("server_header")
	if e.ProxyHops == 0 && c.ForwardedAllowAll && e.ProxyFields&(front.ToldFor|front.Forwarded) != 0 {
		return &Error{
			Setting: "proxy_hops", Source: m.values["proxy_hops"].source,
			Problem: "forwarded_allow_ips = * trusts everybody, so where the proxies end and the client begins cannot be known from it",
			Mend:    "say how many proxies there are, or name their networks in forwarded_allow_ips",
		}
	}
	e.Compress, e.CompressTypes, e.CompressMinSize = m.list("compress"), m.list("compress_types"), m.number("compress_min_size")
	return m.files(c)
}

// checkCodings wants content codings that there are.
func checkCodings(v any) (any, error) {
	list, _ := v.([]string)
	for _, name := range list {
		if !slices.Contains([]string{coding.Brotli, coding.Zstd, coding.Gzip}, name) {
			return nil, fmt.Errorf("there is no coding %q; there are br, zstd and gzip", name)
		}
	}
	return list, nil
}

// peers are the networks of a list, and whether it is everybody.
func (m *merge) peers(name string) (networks []netip.Prefix, all bool) {
	for _, peer := range m.list(name) {
		if peer == "*" {
			all = true
		} else if prefix, err := parsePeer(peer); err == nil { // checked when it was set
			networks = append(networks, prefix)
		}
	}
	return networks, all
}

// checkProxyHeaders refuses what cannot be read, and two ways to say the same.
func checkProxyHeaders(v any) (any, error) {
	list, _ := v.([]string)
	var told front.Told
	for _, name := range list {
		one, ok := front.ToldNames()[strings.ToLower(name)]
		if !ok {
			names := slices.Sorted(maps.Keys(front.ToldNames()))
			if near, ok := nearest(strings.ToLower(name), names); ok {
				return nil, fmt.Errorf("%q cannot be read; did you mean %s?", name, near)
			}
			return nil, fmt.Errorf("%q cannot be read; there are %s", name, strings.Join(names, ", "))
		}
		told |= one
	}
	if told&front.Forwarded != 0 && told != front.Forwarded {
		return nil, errors.New("it names Forwarded and others, which say the same in two ways that could differ; name those that the proxy sets")
	}
	return list, nil
}

// checkURLPath wants a path as it stands in a request line, without a query.
func checkURLPath(v any) (any, error) {
	path, _ := v.(string)
	if path != "" && path[0] != '/' || strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '?' || r == '#' }) {
		return nil, fmt.Errorf("%q is not a path such as /healthz", path)
	}
	return v, nil
}

// checkFieldValue wants what may stand in a header field: visible ASCII with single spaces inside (RFC 9110 §5.5).
func checkFieldValue(v any) (any, error) {
	text, _ := v.(string)
	if strings.TrimSpace(text) != text || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return nil, fmt.Errorf("%q is not the value of a header: it wants visible ASCII characters, with spaces only between them", text)
	}
	return text, nil
}

// checkFieldName wants a token (RFC 9110 §5.1) that no variable with a meaning of its own is made of.
func checkFieldName(v any) (any, error) {
	name, _ := v.(string)
	if name != "" && !front.ValidFieldName(name) {
		return nil, fmt.Errorf("%q is not the name of a header", name)
	}
	return v, nil
}
