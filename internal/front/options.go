package front

import (
	"cmp"
	"log/slog"
	"maps"
	"net/netip"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/internal/proxies"
	"github.com/kirin-server/kirin/internal/static"
)

// Options are a front's settings, most of them Gunicorn's. Zero values mean what the comments say.
type Options struct {
	RequestLine int           // limit_request_line in bytes; 0: only that of the whole head
	FieldCount  int           // limit_request_fields; 0: only that of the whole head
	FieldSize   int           // limit_request_field_size in bytes; 0: only that of the whole head
	BodyLimit   int64         // limit_request_body in bytes; 0: none
	AnyMethod   bool          // permit_unconventional_http_method
	Connect     bool          // permit_connect: the application answers CONNECT
	KeepAlive   time.Duration // how long an idle connection is kept; 0: closed after each exchange

	Trusted    []netip.Prefix    // forwarded_allow_ips
	TrustAll   bool              // forwarded_allow_ips = "*"
	SchemeHead map[string]string // secure_scheme_headers: names in any case, and the value that says https
	Forwarder  []string          // forwarder_headers: names with underscores, in any case, that a trusted peer may send; "*" means all
	HeaderMap  HeaderMap         // header_map

	Proxy         proxies.Versions // proxy_protocol: the versions that connections may begin with
	ProxyAllow    []netip.Prefix   // proxy_allow_ips: who may send one
	ProxyAllowAll bool             // proxy_allow_ips = "*"

	UWSGI         bool           // protocol: connections speak uwsgi in place of HTTP
	UWSGIAllow    []netip.Prefix // uwsgi_allow_ips: who may
	UWSGIAllowAll bool           // uwsgi_allow_ips = "*"

	ProxyFields Told // fields of trusted proxies that say who the client is and what it has asked for
	ProxyHops   int  // how many proxies write them; 0: as many as Trusted has, from the nearest on

	Static   *static.Site // files that the front serves; nil: none
	Internal *static.Site // files that the application may have served, by X-Sendfile and X-Accel-Redirect; nil: none

	Compress *Compression // of the application's responses; nil: none

	HealthPath   string // a path that the front answers: 200 as long as it can serve; empty: none
	HealthLogged bool   // such requests are in the access log, too
	IDHeader     string // the field that has a request's id, in the environ and the response; empty: none

	ServerField   string // Server, of responses; empty means kirin
	NoServerField bool   // there is none

	WebSocket  WebSocketOptions
	RootPath   string // the path under which a proxy shows an ASGI application (root_path)
	ScriptName string // the path that the application is mounted at; a request for any other path is answered 404
	Software   string // SERVER_SOFTWARE; empty means kirin
	SpoolDir   string // where large request bodies wait; empty means $TMPDIR, /var/tmp or /tmp
	SpoolShare int64  // bytes that all of them may take there together; 0 means half of what would be free without them

	HeadTimeout  time.Duration // how long a client may take for a request's head; 0 means 30 s
	StallTimeout time.Duration // how long a client may give or take nothing of a body; 0 means 60 s

	HSTS         time.Duration // what Strict-Transport-Security says in answers over https (RFC 6797); 0: it is not sent
	RedirectPort int           // of https, where requests over plain http are sent to; 0: they are served
	HTTP2        HTTP2Options

	// Loops serve the connections, those that listeners with a descriptor accept; nil: a goroutine serves each.
	Loops *Loops

	Logger *slog.Logger    // nil discards
	Lines  int             // of a kind that Logger gets in a second of what clients cause; 0 means 10
	Access func(*Exchange) // called when an exchange is over; nil: no access log. The exchange is the engine's again afterwards

	limits http1.Limits // of heads
}

const (
	headTimeout  = 30 * time.Second
	stallTimeout = 60 * time.Second
	// lingerTimeout is how long the rest of a request is read that was refused, so that the client sees the answer (RFC 9112 §9.6).
	lingerTimeout = 2 * time.Second
	// lingerMost is how much of it is read, in bytes.
	lingerMost = 64 << 20
	// drainTimeout is the same for a client that goes on sending a body of which it has had the answer.
	drainTimeout = 30 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Software == "" {
		o.Software = "kirin"
	}
	if o.ServerField == "" {
		o.ServerField = "kirin"
	}
	if o.NoServerField {
		o.ServerField = ""
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SpoolDir == "" {
		o.SpoolDir = spoolDir()
	}
	if o.HeadTimeout == 0 {
		o.HeadTimeout = headTimeout
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = stallTimeout
	}
	o.ScriptName, o.RootPath = mountPoint(o.ScriptName), mountPoint(o.RootPath)
	o.WebSocket = o.WebSocket.withDefaults()
	if o.ProxyFields&ToldProto != 0 { // which may be a list
		o.SchemeHead = maps.Clone(o.SchemeHead)
		maps.DeleteFunc(o.SchemeHead, func(name, _ string) bool { return equalFold(name, "X-Forwarded-Proto") })
	}
	o.limits = http1.Limits{AnyMethod: o.AnyMethod, Line: o.RequestLine, Fields: o.FieldCount, Field: o.FieldSize, Total: o.headLimit()}
	return o
}

// mountPoint is name as SCRIPT_NAME has it (RFC 3875 §4.1.13): empty, or with a slash before it and none after it.
func mountPoint(name string) string {
	if name = strings.Trim(name, "/"); name == "" {
		return ""
	}
	return "/" + name
}

const (
	defaultPart = 8190    // bytes of a line or a field whose limit is 0, as Gunicorn has it
	maxFields   = 1 << 20 // bytes of all fields together when their number has no limit
)

// headLimit is how many bytes a head may have at most: what the limits allow all together.
func (o *Options) headLimit() int {
	line, size := cmp.Or(o.RequestLine, defaultPart), cmp.Or(o.FieldSize, defaultPart)
	if o.FieldCount == 0 {
		return line + maxFields
	}
	return line + o.FieldCount*(size+2) + 4
}
