package move

import (
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	nginx "github.com/tufanbarisyildirim/gonginx/config"
	"github.com/tufanbarisyildirim/gonginx/parser"
)

// Nginx takes the server of an nginx configuration in that passes requests to the application. What it listens on is the application's
// from now on.
func (im *Importer) Nginx(p *Plan, file string) error {
	text, err := im.read(file)
	if err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	top, err := parseNginx(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	s := &site{p: p, file: path.Base(file), upstreams: map[string][]string{}}
	s.collect(top)
	if s.server == nil {
		return fmt.Errorf("%s: %w", file, errNotOurs)
	}
	p.sources = append(p.sources, file)
	s.take()
	return nil
}

// parseNginx reads the text. The parser must not take the process with it, whatever it is given.
func parseNginx(text string) (top []nginx.IDirective, err error) {
	defer func() {
		if r := recover(); r != nil {
			top, err = nil, fmt.Errorf("the file cannot be read: %v", r)
		}
	}()
	c, err := parser.NewStringParser(text, parser.WithSkipValidDirectivesErr()).Parse()
	if err != nil {
		return nil, err
	}
	if c == nil || c.Block == nil {
		return nil, errors.New("there is nothing in it")
	}
	return c.GetDirectives(), nil
}

// site is the server that passes requests to the application, and what belongs to it.
type site struct {
	p         *Plan
	file      string
	upstreams map[string][]string
	servers   []nginx.IDirective
	server    nginx.IDirective

	secure bool // it listens with TLS
}

// inside are the directives of a block.
func inside(d nginx.IDirective) []nginx.IDirective {
	if b := d.GetBlock(); b != nil {
		return b.GetDirectives()
	}
	return nil
}

// words are a directive's parameters, without quotes.
func words(d nginx.IDirective) (all []string) {
	for _, w := range d.GetParameters() {
		all = append(all, strings.Trim(w.Value, `"'`))
	}
	return all
}

// first is the first parameter, or empty.
func first(d nginx.IDirective) string {
	if w := words(d); len(w) > 0 {
		return w[0]
	}
	return ""
}

// collect finds upstreams and servers, in http or outside of it.
func (s *site) collect(all []nginx.IDirective) {
	s.gather(all)
	for _, server := range s.servers {
		for _, target := range s.targets(server) {
			if s.server == nil && s.ours(target) {
				s.server = server
			}
		}
	}
}

func (s *site) gather(all []nginx.IDirective) {
	for _, d := range all {
		switch d.GetName() {
		case "http":
			s.gather(inside(d))
		case "server":
			s.servers = append(s.servers, d)
		case "upstream":
			for _, member := range inside(d) {
				if member.GetName() == "server" {
					s.upstreams[first(d)] = append(s.upstreams[first(d)], first(member))
				}
			}
			if u, ok := d.(*nginx.Upstream); ok {
				for _, member := range u.UpstreamServers {
					s.upstreams[u.UpstreamName] = append(s.upstreams[u.UpstreamName], member.Address)
				}
			}
		}
	}
}

// targets are the addresses that a block passes requests to.
func (s *site) targets(block nginx.IDirective) (all []string) {
	for _, d := range inside(block) {
		if d.GetName() == "proxy_pass" || d.GetName() == "uwsgi_pass" {
			all = append(all, s.resolve(first(d))...)
		}
		all = append(all, s.targets(d)...)
	}
	return all
}

// resolve gives the addresses of http://ADDRESS, http://unix:PATH: or the name of an upstream.
func (s *site) resolve(target string) []string {
	_, address, _ := strings.Cut(target, "://")
	if rest, ok := strings.CutPrefix(address, "unix:"); ok {
		socket, _, _ := strings.Cut(rest, ":")
		return []string{"unix:" + socket}
	}
	address, _, _ = strings.Cut(address, "/")
	if members, ok := s.upstreams[address]; ok {
		return members
	}
	return []string{address}
}

// ours reports whether an address is one of the application's.
func (s *site) ours(address string) bool {
	same := func(a string) string {
		a = strings.Replace(a, "localhost:", "127.0.0.1:", 1)
		for _, any := range []string{"0.0.0.0:", "[::]:", ":"} {
			if rest, ok := strings.CutPrefix(a, any); ok {
				return "127.0.0.1:" + rest
			}
		}
		return a
	}
	binds := s.p.values("App", "Bind")
	if len(binds) == 0 {
		binds = []string{"127.0.0.1:8000"}
	}
	return slices.ContainsFunc(binds, func(b string) bool { return same(b) == same(address) })
}

// from says where a directive stands.
func (s *site) from(d nginx.IDirective) string {
	return fmt.Sprintf("%s:%d: %s", s.file, d.GetLine(), strings.Join(append([]string{d.GetName()}, words(d)...), " "))
}

// silent are directives that a proxy needs and a server of its own has no use for, or that kirin does anyway. It is data.
var silent = []string{
	"proxy_set_header", "proxy_redirect", "proxy_http_version", "proxy_buffering", "proxy_buffers", "proxy_buffer_size", "proxy_pass_header",
	"proxy_connect_timeout", "proxy_send_timeout", "proxy_busy_buffers_size", "proxy_request_buffering", "sendfile", "tcp_nopush", "tcp_nodelay",
	"index", "try_files", "ssl_session_cache", "ssl_session_timeout", "ssl_session_tickets", "ssl_prefer_server_ciphers", "ssl_ecdh_curve",
	"proxy_pass", "log_not_found", "default_type", "charset", "server_tokens", "underscores_in_headers",
}

func (s *site) take() {
	s.p.drop("App", "Bind")
	s.p.drop("Socket", "SocketUser")
	s.p.drop("Socket", "SocketGroup")
	s.p.drop("Socket", "SocketMode")
	root := ""
	for _, d := range inside(s.server) {
		if d.GetName() == "root" {
			root = first(d)
		}
	}
	for _, d := range inside(s.server) {
		s.directive(d, root)
	}
	s.redirects()
}

// directive takes one of the server's.
func (s *site) directive(d nginx.IDirective, root string) {
	from := s.from(d)
	switch name := d.GetName(); {
	case name == "listen":
		s.listen(d)
	case name == "location":
		s.location(d, root)
	case name == "server_name":
		s.p.leave(from, "kirin answers for every name: check Host in the application (ALLOWED_HOSTS)")
	case name == "root" || slices.Contains(silent, name):
	case name == "include":
		if base := path.Base(first(d)); base != "proxy_params" && base != "mime.types" {
			s.p.leave(from, "what is in that file has not been read")
		}
	case simple[name] != "":
		s.simple(d, from)
	case name == "keepalive_timeout":
		s.p.setting("keepalive", from, seconds(first(d)))
	case name == "proxy_read_timeout":
		s.p.leave(from, "Timeout= is how long the application may take for a request")
	case name == "client_max_body_size":
		s.bodySize(d, from)
	case name == "ssl_protocols":
		s.protocols(d, from)
	case name == "ssl_verify_client":
		s.p.setting("cert_reqs", from, map[string]int{"on": 2, "optional": 1}[first(d)])
	case name == "add_header":
		s.addHeader(d, from)
	case name == "http2":
		if first(d) == "on" {
			s.p.setting("http_protocols", from, []string{"h2", "h1"})
		}
	default:
		s.p.leave(from, "kirin has nothing for it")
	}
}

// simple are directives that are a setting's text. It is data.
var simple = map[string]string{
	"ssl_certificate": "certfile", "ssl_certificate_key": "keyfile", "ssl_client_certificate": "ca_certs", "ssl_ciphers": "ciphers",
}

func (s *site) simple(d nginx.IDirective, from string) {
	if name := simple[d.GetName()]; name != "ciphers" || has("tls_min_version") {
		s.p.setting(name, from, first(d))
	}
}

func (s *site) listen(d nginx.IDirective) {
	w := words(d)
	if len(w) == 0 {
		return
	}
	address := w[0]
	switch {
	case strings.HasPrefix(address, "unix:"):
	case !strings.Contains(address, ":") && strings.Trim(address, "0123456789") == "":
		address = "0.0.0.0:" + address
	case !strings.Contains(address, ":"):
		address += ":80"
	case strings.HasPrefix(address, "*:"):
		address = "0.0.0.0" + address[1:]
	}
	scheme := "http"
	if slices.Contains(w[1:], "ssl") {
		scheme = "https"
	}
	s.bind(scheme, address, s.from(d))
	if slices.Contains(w[1:], "http2") {
		s.p.setting("http_protocols", s.from(d), []string{"h2", "h1"})
	}
	if slices.Contains(w[1:], "proxy_protocol") {
		s.p.setting("proxy_protocol", s.from(d), "auto")
	}
}

// bind listens with TLS or without.
func (s *site) bind(scheme, address, from string) {
	s.secure = s.secure || scheme == "https"
	if has("https_redirect") { // which came with addresses that say what they speak
		address = scheme + "://" + address
	} else if scheme == "https" {
		s.p.leave(from, "kirin has no TLS yet")
		return
	}
	s.p.add("App", "Bind", address, from)
}

// location takes static files, and what stands beside a proxy_pass.
func (s *site) location(d nginx.IDirective, root string) {
	where, from := words(d), s.from(d)
	prefix := where[len(where)-1]
	passes, dir := false, ""
	for _, inner := range inside(d) {
		switch inner.GetName() {
		case "proxy_pass":
			passes = true
		case "alias":
			dir = first(inner)
		case "root":
			dir = path.Join(first(inner), prefix)
		}
	}
	if !passes && dir == "" && root != "" && len(inside(d)) > 0 {
		dir = path.Join(root, prefix)
	}
	switch {
	case passes:
		s.proxied(d, root, prefix)
	case len(where) > 1 && where[0] != "^~" && where[0] != "=":
		s.p.leave(from, "a location by a pattern has no place here")
	case dir != "" && has("static"):
		s.p.add("App", "Static", prefix+"="+dir, from)
	case dir != "":
		s.p.leave(from, "static files of %s: let the application serve them (whitenoise), kirin has no such setting yet", dir)
	default:
		s.p.leave(from, "kirin has nothing for it")
	}
}

// proxied takes what stands in a location that passes requests on.
func (s *site) proxied(d nginx.IDirective, root, prefix string) {
	if prefix != "/" && !strings.HasPrefix(prefix, "@") {
		s.p.leave(s.from(d), "only requests of %s were passed on: kirin gives the application all", prefix)
	}
	for _, inner := range inside(d) {
		if inner.GetName() != "location" && inner.GetName() != "alias" {
			s.directive(inner, root)
		}
	}
}

func (s *site) bodySize(d nginx.IDirective, from string) {
	size, ok := bytesOf(first(d))
	if !ok {
		s.p.leave(from, "this is no size: LimitRequestBody= says how many bytes a request body may have")
		return
	}
	s.p.setting("limit_request_body", from, size)
}

func (s *site) protocols(d nginx.IDirective, from string) {
	if slices.Contains(words(d), "TLSv1.2") || !slices.Contains(words(d), "TLSv1.3") {
		return // the lowest that kirin has
	}
	s.p.setting("tls_min_version", from, "1.3")
}

func (s *site) addHeader(d nginx.IDirective, from string) {
	w := words(d)
	if len(w) > 1 && strings.EqualFold(w[0], "Strict-Transport-Security") {
		for part := range strings.SplitSeq(w[1], ";") {
			age, ok := strings.CutPrefix(strings.TrimSpace(part), "max-age=")
			if n, err := strconv.Atoi(age); ok && err == nil {
				s.p.setting("hsts", from, n)
				return
			}
		}
	}
	s.p.leave(from, "set it in the application")
}

// redirects looks for a server beside ours that sends clients to https.
func (s *site) redirects() {
	for _, server := range s.servers {
		if server == s.server || !s.secure {
			continue
		}
		for _, d := range inside(server) {
			if d.GetName() == "return" && slices.ContainsFunc(words(d), func(w string) bool { return strings.HasPrefix(w, "https://") }) {
				s.redirect(server, d)
			}
		}
	}
}

func (s *site) redirect(server, d nginx.IDirective) {
	s.p.setting("https_redirect", s.from(d), 443)
	for _, l := range inside(server) {
		if l.GetName() == "listen" {
			s.listen(l)
		}
	}
}

// seconds reads 65, 65s, 1m or 1h, by whole seconds.
func seconds(text string) int {
	units := map[string]int{"s": 1, "m": 60, "h": 3600, "d": 86400}
	digits := strings.TrimRight(text, "smhd")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	if unit, ok := units[text[len(digits):]]; ok {
		n *= unit
	}
	return n
}

// bytesOf reads 1024, 8k, 10m or 1g.
func bytesOf(text string) (n int, ok bool) {
	units := map[string]int{"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
	lower := strings.ToLower(text)
	digits := strings.TrimRight(lower, "kmg")
	n, err := strconv.Atoi(digits)
	unit, known := units[lower[len(digits):]]
	if err != nil || !known || n < 0 || n > math.MaxInt/unit {
		return 0, false
	}
	return n * unit, true
}
