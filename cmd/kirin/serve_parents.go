package main

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/workers"
	"github.com/kirin-server/kirin/workers/wire"
)

// parentCrew has systemd start the parents of forked workers: a unit for each generation. The first takes over the parent that a front
// before this one has left.
type parentCrew struct {
	app   string
	dir   string // where each unit that runs has a folder
	begun bool

	mu   sync.Mutex // protects the field below
	used []int      // units of generations that are not over
}

func newParentCrew(app string) crew { return &parentCrew{app: app, dir: workerFolders} }

func (c *parentCrew) launcher(ctx context.Context, _ *config.Config) (workers.Launcher, io.Closer, error) {
	living := c.byAge()
	if !c.begun {
		c.begun = true
		for len(living) > 1 { // of a roll that nobody has ended
			c.dismiss(ctx, living[0])
			living = living[1:]
		}
		if len(living) == 1 {
			return c.take(living[0])
		}
	}
	c.mu.Lock()
	unit := freeUnit(c.used, living)
	c.mu.Unlock()
	return c.take(unit)
}

// freeUnit is the first unit of no generation, rather one where nothing runs: what does finishes its work.
func freeUnit(used, living []int) int {
	busy := slices.Concat(used, living)
	for n := 1; n <= parentUnits(); n++ {
		if !slices.Contains(busy, n) {
			return n
		}
	}
	for n := 1; ; n++ {
		if !slices.Contains(used, n) {
			return n
		}
	}
}

// parentUnits is how many units there are.
func parentUnits() int {
	number, spare := (&config.Config{Preload: true}).Units()
	return number + spare
}

// take gives a launcher by a unit, which is free again when the generation is over.
func (c *parentCrew) take(unit int) (workers.Launcher, io.Closer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = append(c.used, unit)
	return &socketLauncher{app: c.app, unit: unit}, closer(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.used = slices.DeleteFunc(c.used, func(n int) bool { return n == unit })
	}), nil
}

// closer is an [io.Closer] that cannot fail.
type closer func()

func (c closer) Close() error {
	c()
	return nil
}

// byAge gives the units that run, the oldest first.
func (c *parentCrew) byAge() []int {
	living := livingIn(c.dir, c.app)
	age := func(unit int) time.Time {
		info, err := os.Stat(filepath.Join(c.dir, c.app+":"+strconv.Itoa(unit)))
		if err != nil {
			return time.Time{}
		}
		return info.ModTime()
	}
	slices.SortStableFunc(living, func(a, b int) int { return age(a).Compare(age(b)) })
	return living
}

// dismissTime is how long a parent has to fork a worker and see it go.
const dismissTime = 2 * time.Second

// dismiss sends a worker of a parent away that none of our generations wants: when it is the last, the parent goes, too.
func (c *parentCrew) dismiss(ctx context.Context, unit int) {
	ctx, cancel := context.WithTimeout(ctx, dismissTime)
	defer cancel()
	conn, err := (&socketLauncher{app: c.app, unit: unit}).dial(ctx, unit)
	if err != nil {
		return // it has gone by itself
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a socket that is open takes one
	}
	if readSome(conn) {
		_, _ = conn.Write(wire.AppendDrain(nil)) // who has gone needs none
		for readSome(conn) {
		}
	}
}

func readSome(conn *net.UnixConn) bool {
	n, err := conn.Read(make([]byte, 4096))
	return n > 0 && err == nil
}

// living is empty: to the pool, a parent's workers are all new.
func (c *parentCrew) living() []int { return nil }

// close leaves the parents alone; see [socketCrew].
func (c *parentCrew) close() {}
