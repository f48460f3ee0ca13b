package logs

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

const syslogPort = "514"

// facilities are the names of syslog(3), in the order of their numbers; an empty one has none. It is data.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "", "", "", "",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

// ParseFacility gives the number of a facility's name, in any case; "security" is an old name of auth.
func ParseFacility(name string) (int, error) {
	name = strings.ToLower(name)
	if name == "security" {
		name = "auth"
	}
	if i := slices.Index(facilities, name); i >= 0 && name != "" {
		return i, nil
	}
	return 0, fmt.Errorf("there is no syslog facility %q: use user, daemon, local0 to local7, or another one of syslog(3)", name)
}

// ParseSyslog reads an address as Gunicorn does: udp://HOST:PORT, tcp://HOST:PORT, or unix://PATH, with #dgram or #stream behind it
// when it matters. The network is one for [NewSender].
func ParseSyslog(text string) (network, address string, err error) {
	scheme, rest, ok := strings.Cut(text, "://")
	switch {
	case ok && scheme == "unix":
		path, kind, _ := strings.Cut(rest, "#")
		networks := map[string]string{"": "unix", "dgram": "unixgram", "stream": "unixstream"}
		if network, ok = networks[kind]; path != "" && ok {
			return network, path, nil
		}
	case ok && (scheme == "udp" || scheme == "tcp"):
		if address, ok := hostPort(rest, syslogPort); ok {
			return scheme, address, nil
		}
	}
	return "", "", fmt.Errorf("%q is not udp://HOST:PORT, tcp://HOST:PORT or unix://PATH", text)
}

// SyslogOptions are where messages go, and how they look.
type SyslogOptions struct {
	Address  string // for ParseSyslog
	Facility int
	Program  string // gunicorn.PROGRAM.error and gunicorn.PROGRAM.access are what messages are tagged with
	RFC5424  bool   // the newer form, with octet counting on a stream (RFC 6587 §3.4.1); else RFC 3164's
}

// Syslog sends messages to a syslog server. Nobody waits for it. A nil Syslog does nothing.
type Syslog struct {
	o      SyslogOptions
	sender *Sender
	host   string // empty for a server on this machine, which knows
	pid    int
}

// NewSyslog makes a client. tell is told, now and then, how much has been lost.
func NewSyslog(o SyslogOptions, tell func(text string)) (*Syslog, error) {
	network, address, err := ParseSyslog(o.Address)
	if err != nil {
		return nil, err
	}
	s := &Syslog{o: o, sender: NewSender(network, address, "syslog", tell), pid: os.Getpid()}
	if s.host, err = os.Hostname(); err != nil || s.host == "" {
		s.host = "-"
	}
	return s, nil
}

// Access sends a line of the access log.
func (s *Syslog) Access(line []byte) {
	if s != nil {
		s.put("access", 6, time.Now(), strings.TrimRight(string(line), "\n"))
	}
}

// Error sends a line of the error log, with the pid and the level before it as Gunicorn has them.
func (s *Syslog) Error(level slog.Level, at time.Time, text string) {
	if s != nil {
		s.put("error", priority(level), at, fmt.Sprintf("[%d] [%s] %s", s.pid, levelName(level), text))
	}
}

func (s *Syslog) put(kind string, severity int, at time.Time, text string) {
	s.sender.Put(s.message(kind, severity, at, text))
}

// message is one message, framed for the transport. A line feed in it, which ends a message on a stream and which many servers cut at, is
// written as rsyslog would: #012.
func (s *Syslog) message(kind string, severity int, at time.Time, text string) []byte {
	tag := "gunicorn." + s.o.Program + "." + kind
	pri := s.o.Facility<<3 | severity
	local := strings.HasPrefix(s.sender.network, "unix")
	stream := s.sender.network == "tcp" || s.sender.network == "unixstream"
	if s.o.RFC5424 {
		m := fmt.Sprintf("<%d>1 %s %s %s %d %s - %s", pri, at.Format("2006-01-02T15:04:05.000000Z07:00"), s.host, clipTag(tag, 48), s.pid, kind, text)
		if stream {
			m = strconv.Itoa(len(m)) + " " + m
		}
		return []byte(m)
	}
	head := "<" + strconv.Itoa(pri) + ">" + at.Format(time.Stamp) + " "
	if !local {
		host, _, _ := strings.Cut(s.host, ".") // RFC 3164 §4.1.2 wants no domain
		head += host + " "
	}
	m := head + tag + ": " + strings.ReplaceAll(text, "\n", "#012")
	if stream {
		m += "\n"
	}
	return []byte(m)
}

// clipTag makes a text fit for APP-NAME (RFC 5424 §6.2.5).
func clipTag(tag string, size int) string {
	tag = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '_'
		}
		return r
	}, tag)
	return tag[:min(len(tag), size)]
}

// Close sends what is waiting. What comes afterwards is lost.
func (s *Syslog) Close() {
	if s != nil {
		s.sender.Close()
	}
}
