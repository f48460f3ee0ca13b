package logs

import (
	"sync"
	"time"
)

// clock formats times of the access log, which mostly share their second.
type clock struct {
	mu     sync.Mutex
	second int64
	text   string
}

func (c *clock) format(t time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := t.Unix(); s != c.second || c.text == "" {
		c.second, c.text = s, t.Format("[02/Jan/2006:15:04:05 -0700]")
	}
	return c.text
}
