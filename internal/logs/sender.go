package logs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxMessages is how many messages may wait for a server that is slow, or being connected to.
	maxMessages = 8192
	// sendTimeout bounds the connecting, and each write.
	sendTimeout = time.Second
	// sendRetry is the pause before a server that could not be reached is tried again.
	sendRetry = time.Second
)

// A Sender passes messages on to a server by datagrams or a stream, from a goroutine of its own. Whoever logs never waits: what the server
// does not take is dropped, and the number is told.
type Sender struct {
	network, address string
	lost             *Tally

	mu     sync.RWMutex // shared by who puts; protects the field below
	closed bool

	messages chan []byte
	done     chan struct{} // closed when the goroutine has ended
	conn     net.Conn      // the goroutine's own
	lines    bool          // conn is a stream though datagrams were thought of; likewise
	next     time.Time     // not to be tried before; likewise
}

// NewSender makes a sender to an address of net.Dial. what names it where losses are told.
func NewSender(network, address, what string, tell func(text string)) *Sender {
	s := &Sender{
		network: network, address: address, messages: make(chan []byte, maxMessages), done: make(chan struct{}),
		lost: NewTally(func(n int) {
			tell(fmt.Sprintf("%s: %d messages lost: %s cannot be reached or is too slow", what, n, address))
		}),
	}
	go s.run() // until Close, which waits for it
	return s
}

// Put takes a message in, which the caller does not change afterwards. After Close it is lost.
func (s *Sender) Put(message []byte) {
	if !s.put(message) {
		s.lost.Add(1)
	}
}

func (s *Sender) put(message []byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false
	}
	select {
	case s.messages <- message:
		return true
	default:
		return false
	}
}

func (s *Sender) run() {
	defer close(s.done)
	for m := range s.messages {
		sent := s.send(m)
		if !sent { // it may have met the end of an old connection
			sent = s.send(m)
		}
		if !sent {
			s.lost.Add(1)
		}
	}
	if s.conn != nil {
		s.conn.Close()
	}
}

func (s *Sender) send(m []byte) bool {
	if !s.connect() {
		return false
	}
	if s.lines {
		m = append(m[:len(m):len(m)], '\n')
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(sendTimeout))
	if _, err := s.conn.Write(m); err != nil {
		s.conn.Close()
		s.conn = nil
		return false
	}
	return true
}

// connect makes the connection, unless it is there or was tried in vain just now.
func (s *Sender) connect() bool {
	if s.conn != nil {
		return true
	}
	if time.Now().Before(s.next) {
		return false
	}
	networks := []string{s.network}
	if s.network == "unix" { // of a kind that is not said: /dev/log mostly has datagrams
		networks = []string{"unixgram", "unix"}
	}
	for _, network := range networks {
		conn, err := net.DialTimeout(strings.TrimSuffix(network, "stream"), s.address, sendTimeout)
		if err == nil {
			s.conn, s.lines = conn, s.network == "unix" && network == "unix"
			return true
		}
	}
	s.next = time.Now().Add(sendRetry)
	return false
}

// Close sends what is waiting, for as long as a write may take, and tells of what is lost.
func (s *Sender) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	close(s.messages) // nobody puts any more
	select {
	case <-s.done:
	case <-time.After(2 * sendTimeout):
		s.lost.Add(len(s.messages))
	}
	s.lost.Flush()
}

// hostPort gives HOST:PORT for HOST, HOST:PORT, or the same with [IPV6].
func hostPort(text, byDefault string) (address string, ok bool) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = text, byDefault
		if inner, bracketed := strings.CutPrefix(text, "["); bracketed {
			host = strings.TrimSuffix(inner, "]")
		}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || host == "" || strings.ContainsAny(host, "/ []\x00") {
		return "", false
	}
	if _, err := netip.ParseAddr(host); err != nil && strings.Contains(host, ":") {
		return "", false
	}
	return net.JoinHostPort(host, port), true
}
