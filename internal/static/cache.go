package static

import (
	"sync"
	"time"

	"github.com/kirin-server/kirin/internal/coding"
)

const (
	// freshFor is how long it is taken for granted which files there are; whether they are the same is asked each time.
	freshFor = time.Second
	// maxContent and maxNodes bound the memory of a site, in bytes of content and in paths.
	maxContent = 32 << 20
	maxNodes   = 8192
)

// node is what is known of a path.
type node struct {
	checked time.Time
	path    string   // of the plain file for the whole machine
	plain   *Entry   // nil: there is none
	coded   []*Entry // its compressed neighbours
	offers  []string // the codings of these
}

// fresh says whether the node is young enough. No node is not.
func (n *node) fresh(now time.Time) bool { return n != nil && now.Sub(n.checked) < freshFor }

func (n *node) choose(accept string) *Entry {
	if len(n.offers) == 0 {
		return n.plain
	}
	best := coding.Choose(accept, n.offers)
	for _, e := range n.coded {
		if e.coding == best {
			return e
		}
	}
	return n.plain
}

func (n *node) size() (size int) {
	if n.plain == nil {
		return 0
	}
	size = len(n.plain.content)
	for _, e := range n.coded {
		size += len(e.content)
	}
	return size
}

// cache keeps nodes by their paths. What is there too much goes by chance.
type cache struct {
	mu    sync.RWMutex // protects the fields below
	nodes map[string]*node
	size  int
}

func (c *cache) node(path string) *node {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.nodes[path]
}

func (c *cache) put(path string, n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes == nil {
		c.nodes = map[string]*node{}
	}
	c.remove(path)
	for old := range c.nodes {
		if len(c.nodes) < maxNodes && c.size+n.size() <= maxContent {
			break
		}
		c.remove(old)
	}
	c.nodes[path] = n
	c.size += n.size()
}

func (c *cache) drop(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(path)
}

func (c *cache) remove(path string) {
	if n := c.nodes[path]; n != nil {
		c.size -= n.size()
		delete(c.nodes, path)
	}
}
