package http2

import (
	"errors"

	"golang.org/x/net/http2"
)

// take does what a frame says.
func (c *Conn) take(f http2.Frame) error {
	settings, ok := f.(*http2.SettingsFrame)
	if !c.settled && (!ok || settings.IsAck()) {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	switch f := f.(type) {
	case *http2.SettingsFrame:
		return c.takeSettings(f)
	case *http2.HeadersFrame:
		return c.takeHead(f)
	case *http2.DataFrame:
		return c.takeData(f)
	case *http2.WindowUpdateFrame:
		return c.takeWindow(f)
	case *http2.RSTStreamFrame:
		return c.takeReset(f)
	case *http2.PingFrame:
		return c.takePing(f)
	case *http2.PriorityFrame:
		if f.StreamDep == f.StreamID {
			return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeProtocol}
		}
		return c.flood.nothing()
	case *http2.PushPromiseFrame, *http2.ContinuationFrame:
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	return c.flood.nothing() // GOAWAY, which is followed by the end, and frames that nobody knows yet
}

func (c *Conn) takeSettings(f *http2.SettingsFrame) error {
	if err := c.flood.nothing(); err != nil || f.IsAck() {
		return err
	}
	if f.NumSettings() > 100 {
		return http2.ConnectionError(http2.ErrCodeEnhanceYourCalm)
	}
	c.settled = true
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := f.ForeachSetting(c.setLocked); err != nil {
		return err
	}
	c.appendFrame(0, http2.FrameSettings, http2.FlagSettingsAck, 0)
	c.speakLocked()
	return nil
}

func (c *Conn) setLocked(s http2.Setting) error {
	if err := s.Valid(); err != nil {
		return err
	}
	switch s.ID {
	case http2.SettingHeaderTableSize:
		c.henc.SetMaxDynamicTableSize(min(s.Val, tableSize))
	case http2.SettingInitialWindowSize:
		grown := int64(s.Val) - c.initial
		c.initial = int64(s.Val)
		for _, stream := range c.streams {
			if stream.send += grown; stream.send > maxWindow {
				return http2.ConnectionError(http2.ErrCodeFlowControl)
			}
			stream.writing.signal()
		}
	}
	return nil
}

func (c *Conn) takePing(f *http2.PingFrame) error {
	if err := c.flood.nothing(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !f.IsAck():
		c.appendPing(true, f.Data)
		c.speakLocked()
	case f.Data == byePing():
		c.refuseLocked()
	}
	return nil
}

// takeHead begins a stream, or ends the body of one with trailers, which are for nobody here.
func (c *Conn) takeHead(f *http2.HeadersFrame) error {
	id, end, itself := f.StreamID, f.StreamEnded(), f.HasPriority() && f.Priority.StreamDep == f.StreamID
	fields, large, err := c.readBlock(f)
	if err != nil {
		return err
	}
	if id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	refused := func(code http2.ErrCode) error { return http2.StreamError{StreamID: id, Code: code} }
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[id]; s != nil {
		return s.trailersLocked(fields, end)
	}
	if id <= c.last {
		return c.misplacedLocked(id)
	}
	c.last = id
	switch {
	case itself:
		return refused(http2.ErrCodeProtocol)
	case c.leaving == refuses, len(c.streams) >= c.o.Streams, c.running >= 2*c.o.Streams:
		return refused(http2.ErrCodeRefusedStream)
	}
	r, err := parseRequest(fields, large, c.o.Connect)
	if err != nil || end && r.Length > 0 {
		return refused(http2.ErrCodeProtocol)
	}
	c.beginLocked(id, r, end)
	return nil
}

// misplacedLocked is the error of a frame that begins a stream again.
func (c *Conn) misplacedLocked(id uint32) error {
	ours, found := c.closed.find(id)
	switch {
	case ours: // trailers that were on their way
		return c.flood.nothing()
	case found:
		return http2.ConnectionError(http2.ErrCodeStreamClosed)
	}
	return http2.ConnectionError(http2.ErrCodeProtocol)
}

func (c *Conn) takeData(f *http2.DataFrame) error {
	size, data := int64(f.Length), f.Data()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receive -= size; c.receive < 0 {
		return http2.ConnectionError(http2.ErrCodeFlowControl)
	}
	s := c.streams[f.StreamID]
	if s == nil {
		return c.strayLocked(f.StreamID, size)
	}
	c.creditLocked(size - int64(len(data)))
	if err := s.dataLocked(data, size, f.StreamEnded()); err != nil {
		c.creditLocked(int64(len(data)))
		return err
	}
	if len(data) == 0 && !f.StreamEnded() {
		return c.flood.nothing()
	}
	return nil
}

// strayLocked is for data of a stream that has ended.
func (c *Conn) strayLocked(id uint32, size int64) error {
	if id > c.last || id%2 == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	c.creditLocked(size)
	if ours, found := c.closed.find(id); ours || !found {
		return nil // it was on its way
	}
	return http2.StreamError{StreamID: id, Code: http2.ErrCodeStreamClosed}
}

// creditLocked lets the client send as much again as has been used up of the connection's window.
func (c *Conn) creditLocked(n int64) {
	if c.consumed += n; c.consumed >= connWindow/4 {
		c.appendWindow(0, c.consumed)
		c.receive += c.consumed
		c.consumed = 0
		c.speakLocked()
	}
}

func (c *Conn) takeWindow(f *http2.WindowUpdateFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.StreamID == 0 {
		if c.send += int64(f.Increment); c.send > maxWindow {
			return http2.ConnectionError(http2.ErrCodeFlowControl)
		}
		for _, s := range c.streams {
			s.writing.signal()
		}
		return c.pettyLocked(f.Increment)
	}
	s := c.streams[f.StreamID]
	switch {
	case s == nil && (f.StreamID > c.last || f.StreamID%2 == 0):
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case s == nil:
		return c.flood.nothing()
	}
	if s.send += int64(f.Increment); s.send > maxWindow {
		return http2.StreamError{StreamID: f.StreamID, Code: http2.ErrCodeFlowControl}
	}
	s.writing.signal()
	return c.pettyLocked(f.Increment)
}

// pettyLocked counts windows that open by less than a frame is worth.
func (c *Conn) pettyLocked(n uint32) error {
	if n >= 64 {
		return nil
	}
	return c.flood.nothing()
}

func (c *Conn) takeReset(f *http2.RSTStreamFrame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[f.StreamID]
	switch {
	case s == nil && (f.StreamID > c.last || f.StreamID%2 == 0):
		return http2.ConnectionError(http2.ErrCodeProtocol)
	case s == nil:
		return c.flood.nothing()
	}
	s.dropLocked(errReset)
	c.closed.add(f.StreamID, false)
	return c.flood.reset()
}

var errReset = errors.New("the client has reset the stream")
