package logs

import (
	"sync/atomic"
	"time"
)

// clock formats times of the access log, which mostly share their second.
type clock struct{ last atomic.Pointer[stamp] }

// stamp is how a second is written in a time zone.
type stamp struct {
	second int64
	zone   *time.Location
	text   string
}

func (c *clock) format(t time.Time) string {
	if s := c.last.Load(); s != nil && s.second == t.Unix() && s.zone == t.Location() {
		return s.text
	}
	s := &stamp{t.Unix(), t.Location(), t.Format("[02/Jan/2006:15:04:05 -0700]")}
	c.last.Store(s)
	return s.text
}
