package workers

import (
	"context"
	"errors"
)

// Scale sets the number of workers and the highest that one may have ([Options.MaxNumber], but at least n), until the next Reload.
func (p *Pool) Scale(n, maxNumber int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if maxNumber > 0 {
		maxNumber = max(maxNumber, n)
	}
	for _, e := range p.eras {
		e.opts.Workers, e.opts.MaxNumber = n, maxNumber
	}
	p.opts.Workers, p.opts.MaxNumber = n, maxNumber
	p.r.want, p.r.maxNumber = n, maxNumber
	p.announce()
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
