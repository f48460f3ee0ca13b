package workers

import (
	"context"
	"fmt"
	"time"
)

// Hurry has requests fail from now on that wait for workers which do not come up: they would hold up the end.
func (p *Pool) Hurry() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hurried = true
	p.wake()
}

// Shutdown lets what is under way finish, drains every worker, and closes the pool. It does not wait for workers that are still starting. When
// ctx ends first it closes at once.
func (p *Pool) Shutdown(ctx context.Context) error {
	err := p.finish(ctx)
	p.mu.Lock()
	p.endBoots()
	p.d.close()
	p.r.closing = true
	p.perform()
	p.flush()
	p.announce()
	p.mu.Unlock()
	if err == nil {
		err = p.await(ctx, func() (bool, error) { return len(p.r.members) == 0, nil })
	}
	p.Close()
	return err
}

// finish waits until no request is under way.
func (p *Pool) finish(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		p.mu.Lock()
		busy := p.d.inFlight()
		p.mu.Unlock()
		if busy == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d requests were still under way: %w", busy, ctx.Err())
		}
	}
}

// Close ends the pool at once: connections to workers are closed and requests failed. It does not end processes, which is their
// launcher's affair.
func (p *Pool) Close() {
	p.mu.Lock()
	p.r.closing = true
	p.d.close()
	p.perform()
	p.flush()
	p.cancel() // under the lock: from here on no link is added
	for _, l := range p.links {
		l.conn.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
