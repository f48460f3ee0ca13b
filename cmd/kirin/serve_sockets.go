package main

import (
	"context"
	"log/slog"
	"net"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/config"
)

// socketSet is the listening sockets.
type socketSet struct{ sockets []activation.Socket }

func openSockets(ctx context.Context, cfg *config.Config, log *slog.Logger) (*socketSet, error) {
	given, err := activation.Sockets()
	if err != nil || len(given) > 0 {
		return &socketSet{given}, err
	}
	s := &socketSet{}
	for _, b := range cfg.Bind {
		l, err := net.Listen("tcp", b)
		if err != nil {
			return nil, err
		}
		s.sockets = append(s.sockets, activation.Socket{Name: b, Listener: l})
	}
	return s, nil
}

func (s *socketSet) all() []activation.Socket { return s.sockets }
func (s *socketSet) change(context.Context, *config.Config, *slog.Logger) ([]activation.Socket, error) {
	return nil, nil
}
func (s *socketSet) revert([]activation.Socket) {}
func (s *socketSet) dropOld()                   {}
func (s *socketSet) handedOver()                {}
func (s *socketSet) close() {
	for _, x := range s.sockets {
		x.Listener.Close()
	}
}

func describeSocket(s activation.Socket) string { return "http://" + s.Listener.Addr().String() }
