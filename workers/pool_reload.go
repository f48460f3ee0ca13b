package workers

import (
	"context"
	"errors"
)

// Scale sets the number of workers, until the next Reload. Where their numbers are bounded, the bound becomes n + Surge.
func (p *Pool) Scale(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.eras {
		e.opts.scale(n)
	}
	p.opts.scale(n)
	p.r.want, p.r.maxNumber = n, p.opts.MaxNumber
	p.announce()
}

func (o *Options) scale(n int) {
	o.Workers = n
	if o.MaxNumber > 0 {
		o.MaxNumber = n + o.Surge
	}
}

// Reload replaces every worker by one of launcher's, the successor first, and returns when that is over. When a new worker does not come
// up, the roll stops, the old ones serve on under the old options, and the error says why. When ctx ends first, it goes on.
func (p *Pool) Reload(ctx context.Context, launcher Launcher, opts Options) error {
	p.mu.Lock()
	generation := p.begin(launcher, opts.withDefaults())
	p.mu.Unlock()
	err := p.await(ctx, func() (bool, error) { return !p.r.rolling && p.r.rollErr == nil, p.rollError(generation) })
	p.mu.Lock()
	p.forget()
	p.mu.Unlock()
	return err
}

// begin begins a roll. The lock is held.
func (p *Pool) begin(launcher Launcher, opts Options) (generation int) {
	p.generations++
	p.eras[p.generations] = &era{launcher, opts, monotonic()}
	p.r.roll(p.generations)
	p.setOptions(opts)
	p.announce()
	return p.generations
}

func (p *Pool) rollError(generation int) error {
	switch {
	case p.r.rolling && p.r.generation != generation:
		return errors.New("overtaken by another reload")
	case p.r.rolling:
		return nil
	}
	return p.r.rollErr
}

// forget drops the eras that no member and no plan refers to.
func (p *Pool) forget() {
	for g := range p.eras {
		used := g == p.r.generation || g == p.r.previous && p.r.rolling
		for _, m := range p.r.members {
			used = used || m.generation == g
		}
		if !used {
			delete(p.eras, g)
		}
	}
}
