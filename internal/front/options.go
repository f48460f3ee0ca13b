package front

import (
	"log/slog"
	"net/netip"
	"time"
)

// Options are a front's settings, most of them Gunicorn's. Zero values mean what the comments say.
type Options struct {
	RequestLine int           // limit_request_line in bytes; 0: only the engine's own
	FieldCount  int           // limit_request_fields; 0: only the engine's own
	FieldSize   int           // limit_request_field_size in bytes; 0: only the engine's own
	KeepAlive   time.Duration // how long an idle connection is kept; 0: closed after each exchange

	Trusted    []netip.Prefix    // forwarded_allow_ips
	TrustAll   bool              // forwarded_allow_ips = "*"
	SchemeHead map[string]string // secure_scheme_headers: names in any case, and the value that says https

	ScriptName string // where the application is mounted
	Software   string // SERVER_SOFTWARE and the Server field; empty means kirin
	SpoolDir   string // where large request bodies wait; empty means $TMPDIR, /var/tmp or /tmp

	Logger *slog.Logger    // nil discards
	Access func(*Exchange) // called when an exchange is over; nil: no access log
}

const (
	// headerTimeout is how long a client may take for a request's head, and for each part of a body (RFC 9110 §15.5.9).
	headerTimeout = 30 * time.Second
	// stallTimeout is how long a client may take or give nothing of a body.
	stallTimeout = 60 * time.Second
)

func (o Options) withDefaults() Options {
	if o.Software == "" {
		o.Software = "kirin"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.SpoolDir == "" {
		o.SpoolDir = spoolDir()
	}
	return o
}

// limits gives the effective limits, by Gunicorn's rules for zero.
func (o *Options) headLimit() int {
	line, count, size := o.RequestLine, o.FieldCount, o.FieldSize
	if line == 0 {
		line = 8190
	}
	if size == 0 {
		size = 8190
	}
	return line + max(count, 1)*(size+2) + 4
}
