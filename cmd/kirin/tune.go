package main

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// measured is what a proposal rests on.
type measured struct {
	Cores     int
	Available int // MiB of memory that could be had, the workers' own included
	Class     string
	Workers   int // as they are
	Threads   int // of each

	Requests int           // in the time below; 0: nothing could be measured
	Time     time.Duration // of the measurement
	Busy     float64       // requests that workers had, on average
	Queued   float64       // and that waited
	CPU      float64       // cores that the workers used, on average
	Memory   int           // MiB of a worker; 0: not known
}

// enoughRequests is how many a measurement needs to say something.
const enoughRequests = 50

// proposal is what kirin tune says.
type proposal struct {
	Workers, Threads int
	Class            string
	Reasons          []string
}

// mostThreads is where more threads of one interpreter do little but wait for its lock.
const mostThreads = 64

// propose reasons from what was measured to workers and threads. A worker is one interpreter, which uses one core at most, so that there is to
// be one for each core; and so many requests are to be under way that the cores have work while others wait: cores / (1 - share of
// waiting).
func propose(m measured) proposal {
	p := proposal{Workers: m.Workers, Threads: max(1, m.Threads), Class: m.Class}
	p.say("%d cores, %d MiB of memory that can be had", m.Cores, m.Available)
	if m.Requests < enoughRequests {
		p.start(m)
	} else {
		p.reason(m)
	}
	p.fit(m)
	return p
}

func (p *proposal) say(format string, args ...any) {
	p.Reasons = append(p.Reasons, fmt.Sprintf(format, args...))
}

// start proposes where nothing is known of the application.
func (p *proposal) start(m measured) {
	if m.Time > 0 {
		p.say("%d requests in %v are too few to tell how it works: try again under load", m.Requests, m.Time.Round(time.Second))
	}
	p.Workers = 2*m.Cores + 1
	p.say("2 x cores + 1 = %d workers are where to start when nothing is measured", p.Workers)
	if loop(m.Class) {
		p.Workers = m.Cores
		p.say("but a worker of class %s has many requests at once: one for each core, %d", m.Class, p.Workers)
	}
}

func loop(class string) bool {
	return class == "asgi" || class == "gevent" || class == "eventlet" || class == "tornado"
}

// reason proposes by the share of waiting.
func (p *proposal) reason(m measured) {
	waiting := waitingShare(m)
	took := time.Duration(m.Busy / float64(m.Requests) * float64(m.Time))
	p.say("%d requests in %v, %.1f/s; each had a worker for %v", m.Requests, m.Time.Round(time.Second), float64(m.Requests)/m.Time.Seconds(), took.Round(10*time.Microsecond))
	p.say("%.2f requests were under way and used %.2f cores: %.0f%% of their time was waiting (for a database, other services, files)", m.Busy, m.CPU, 100*waiting)
	if m.Queued >= 0.5 {
		p.say("%.1f requests waited for a worker: there are too few, or the cores have no more to give", m.Queued)
	}
	if loop(m.Class) {
		p.Workers = m.Cores
		p.say("a worker of class %s works on while requests wait: one for each core, %d", m.Class, p.Workers)
		return
	}
	under := float64(m.Cores) / math.Max(0.02, 1-waiting)
	p.Workers = m.Cores
	p.Threads = min(mostThreads, int(math.Ceil(under/float64(m.Cores)-0.25)))
	if p.Threads < 1 {
		p.Threads = 1
	}
	p.say("to keep %d cores at work, %d / (1 - %.2f) = %.0f requests have to be under way", m.Cores, m.Cores, waiting, under)
	if p.Threads == 1 {
		p.Workers = m.Cores + 1
		p.say("it hardly waits: a worker for each core, and one more for the gaps")
		return
	}
	p.Class = "gthread"
	p.say("an interpreter uses one core: a worker for each, with %d threads for those that wait", p.Threads)
	if m.Threads <= 1 {
		p.say("threads need an application that is safe for them; if this one is not, %d workers of one thread do the same for more memory", int(math.Ceil(under)))
	}
}

// waitingShare is how much of the time that requests had a worker no core worked for them.
func waitingShare(m measured) float64 {
	if m.Busy <= 0 {
		return 0
	}
	return math.Min(1, math.Max(0, 1-m.CPU/m.Busy))
}

// share of the memory that workers may have: the rest is for growth, and for a spare while they are replaced.
const workersShare = 0.8

// fit keeps the workers within the memory.
func (p *proposal) fit(m measured) {
	if m.Memory == 0 {
		return
	}
	most := max(1, int(float64(m.Available)*workersShare)/m.Memory-1)
	p.say("a worker has %d MiB: memory allows %d beside the spare of a reload", m.Memory, most)
	if p.Workers <= most {
		return
	}
	if p.Class == "sync" || p.Class == "auto" || p.Class == "gthread" {
		p.Threads = min(mostThreads, (p.Workers*p.Threads+most-1)/most)
	}
	p.say("so %d in place of %d; preload shares memory between workers", most, p.Workers)
	p.Workers = most
}

// String is the proposal for a person.
func (p proposal) String() string {
	var b strings.Builder
	for _, r := range p.Reasons {
		b.WriteString("- " + r + "\n")
	}
	fmt.Fprintf(&b, "\nproposed:\n  Workers=%d\n", p.Workers)
	if !loop(p.Class) {
		fmt.Fprintf(&b, "  Threads=%d\n", p.Threads)
	}
	return b.String()
}
