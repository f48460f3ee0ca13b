package logs

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// statsdSize is how many bytes of metrics share a datagram: what passes an Ethernet with IPv6.
	statsdSize = 1432
	// statsdPace is how late a metric may be.
	statsdPace = 100 * time.Millisecond
	statsdPort = "8125"
)

// StatsdOptions are where metrics go, and what they are called.
type StatsdOptions struct {
	Address string // HOST, HOST:PORT or unix://PATH
	Prefix  string // of every name; a dot follows it
	Tags    string // of every metric, with commas, for DogStatsD
}

// Statsd sends metrics to a StatsD server, in the form that Gunicorn's have: name:value|type|@rate|#tags. Several share a datagram, each on
// a line of its own. Its methods may be called by many goroutines; nobody waits for the server. A nil Statsd does nothing.
type Statsd struct {
	sender       *Sender
	prefix, tags string
	stop, done   chan struct{}

	mu      sync.Mutex // protects the field below
	pending []byte
}

// ParseStatsd reads an address: HOST, HOST:PORT, [IPV6]:PORT or unix://PATH. The network is one of net.Dial's.
func ParseStatsd(text string) (network, address string, err error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if path == "" {
			return "", "", fmt.Errorf("%q has no path: write unix:///run/statsd.sock", text)
		}
		return "unixgram", path, nil
	}
	if address, ok := hostPort(strings.TrimPrefix(text, "udp://"), statsdPort); ok {
		return "udp", address, nil
	}
	return "", "", fmt.Errorf("%q is not HOST:PORT or unix://PATH", text)
}

// ForWorkers is where a worker sends its counters, for its option --statsd: network, address, prefix and tags with commas between.
func (o StatsdOptions) ForWorkers() string {
	network, address, _ := ParseStatsd(o.Address) // it was checked when it was set
	return strings.Join([]string{network, address, o.prefix(), o.tags()}, ",")
}

func (o StatsdOptions) prefix() string {
	if o.Prefix == "" {
		return ""
	}
	return strings.TrimRight(o.Prefix, ".") + "."
}

func (o StatsdOptions) tags() string {
	if o.Tags == "" {
		return ""
	}
	return "|#" + o.Tags
}

// NewStatsd makes a client. tell is told, now and then, how much has been lost.
func NewStatsd(o StatsdOptions, tell func(text string)) (*Statsd, error) {
	network, address, err := ParseStatsd(o.Address)
	if err != nil {
		return nil, err
	}
	s := &Statsd{sender: NewSender(network, address, "statsd", tell), stop: make(chan struct{}), done: make(chan struct{})}
	s.prefix, s.tags = o.prefix(), o.tags()
	go s.run() // until Close, which waits for it
	return s, nil
}

// Exchange tells of a request that has been answered.
func (s *Statsd) Exchange(status int, took time.Duration) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add("gunicorn.request.duration", strconv.FormatFloat(float64(took.Microseconds())/1000, 'f', -1, 64), "ms")
	s.add("gunicorn.requests", "1", "c|@1.0")
	if status > 0 {
		s.add("gunicorn.request.status."+strconv.Itoa(status), "1", "c|@1.0")
	}
}

// Count adds one to a counter.
func (s *Statsd) Count(name string) { s.one(name, "1", "c|@1.0") }

// Gauge sets a gauge.
func (s *Statsd) Gauge(name string, value int) { s.one(name, strconv.Itoa(value), "g") }

// Histogram adds a value to a histogram.
func (s *Statsd) Histogram(name string, value int) { s.one(name, strconv.Itoa(value), "h") }

func (s *Statsd) one(name, value, kind string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(name, value, kind)
}

// add appends a metric. The caller holds mu.
func (s *Statsd) add(name, value, kind string) {
	size := len(s.prefix) + len(name) + len(value) + len(kind) + len(s.tags) + len(":|\n")
	if len(s.pending)+size > statsdSize {
		s.flush()
	}
	if len(s.pending) > 0 {
		s.pending = append(s.pending, '\n')
	}
	s.pending = append(append(append(s.pending, s.prefix...), name...), ':')
	s.pending = append(append(append(s.pending, value...), '|'), kind...)
	s.pending = append(s.pending, s.tags...)
}

// flush hands over what is pending. The caller holds mu.
func (s *Statsd) flush() {
	if len(s.pending) > 0 {
		s.sender.Put(s.pending)
		s.pending = nil
	}
}

func (s *Statsd) run() {
	defer close(s.done)
	tick := time.NewTicker(statsdPace)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.mu.Lock()
			s.flush()
			s.mu.Unlock()
		case <-s.stop:
			return
		}
	}
}

// Close sends what is pending. What is counted afterwards is lost.
func (s *Statsd) Close() {
	if s == nil {
		return
	}
	close(s.stop)
	<-s.done
	s.mu.Lock()
	s.flush()
	s.mu.Unlock()
	s.sender.Close()
}
