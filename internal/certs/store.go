package certs

import (
	"context"
	"crypto/tls"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Store has the certificates that new connections get. Sessions are resumed across changes (RFC 8446 §2.2): the keys of the tickets are
// the store's.
type Store struct {
	outer   *tls.Config
	current atomic.Pointer[tls.Config]

	mu    sync.Mutex // protects the fields below
	o     Options
	state []stamp // of the files, when they were read
}

// NewStore reads all files; see [Load].
func NewStore(o Options) (*Store, []string, error) {
	s := &Store{}
	s.outer = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load(), nil }}
	warnings, err := s.Change(o)
	return s, warnings, err
}

// Config is for tls.Server, and is the same for as long as the store lives.
func (s *Store) Config() *tls.Config { return s.outer }

// Change takes other options in. On an error everything stays as it was.
func (s *Store) Change(o Options) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changeLocked(o)
}

func (s *Store) changeLocked(o Options) ([]string, error) {
	state := o.stamps()
	cfg, warnings, err := Load(o)
	if err != nil {
		return nil, err
	}
	s.o, s.state = o, state
	s.current.Store(cfg)
	return warnings, nil
}

// watchEvery is how often it is looked whether a file has changed.
const watchEvery = time.Second

// Watch reads the files again when one of them has changed, until ctx ends. say gets a line about each time, and whether it is a bad one.
// A certificate and its key cannot be replaced at once: what does not fit is told when it still does not a moment later.
func (s *Store) Watch(ctx context.Context, say func(line string, bad bool)) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var failed []stamp
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		failed = s.look(failed, say)
	}
}

// look reads what has changed. It gives the state of the files that it could make nothing of and has not told yet.
func (s *Store) look(failed []stamp, say func(string, bool)) []stamp {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.o.stamps()
	if slices.Equal(state, s.state) {
		return nil
	}
	warnings, err := s.changeLocked(s.o)
	switch {
	case err == nil:
		say("certificates have changed and were read again", false)
		for _, w := range warnings {
			say(w, true)
		}
	case !slices.Equal(state, failed):
		return state
	default:
		s.state = state // until they change again
		say(fmt.Sprintf("certificates have changed: %v: the old ones stay", err), true)
	}
	return nil
}

// stamp tells one state of a file from another.
type stamp struct {
	changed int64
	size    int64
	mode    fs.FileMode
}

// stamps is zero for a file that is not there.
func (o *Options) stamps() []stamp {
	files := o.Files()
	state := make([]stamp, len(files))
	for i, path := range files {
		if info, err := o.stat(path); err == nil {
			state[i] = stamp{info.ModTime().UnixNano(), info.Size(), info.Mode()}
		}
	}
	return state
}
