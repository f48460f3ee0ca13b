package main

import (
	"context"
	"fmt"
	"net"

	"github.com/kirin-server/kirin/activation"
	"github.com/kirin-server/kirin/internal/certs"
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
)

// openCerts reads the certificates, if there are any.
func (s *server) openCerts(_ context.Context, cfg *config.Config) error {
	if len(cfg.TLS.Pairs) == 0 {
		return nil
	}
	store, warnings, err := certs.NewStore(s.certificates(cfg))
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	s.certs = store
	s.warn(warnings)
	if o := cfg.TLS.Certificates(nil); s.monitor != nil || s.secrets.direct(o.Files()) {
		s.wg.Go(func() { s.certs.Watch(s.life, s.sayCerts) })
	}
	return nil
}

func (s *server) certificates(cfg *config.Config) certs.Options {
	o := cfg.TLS.Certificates(nil)
	files := o.Files()
	o.Read = func(path string) ([]byte, error) {
		data, err := s.secrets.read(path, files)
		if s.monitor.denied(err) {
			return s.monitor.readFile(path)
		}
		return data, err
	}
	o.Stat = s.monitor.stat
	return o
}

func (s *server) sayCerts(line string, bad bool) {
	if bad {
		s.log.Warn(line)
		return
	}
	s.log.Info(line)
}

func (s *server) warn(lines []string) {
	for _, line := range lines {
		s.log.Warn(line)
	}
}

// checkCerts looks whether the certificates of a new configuration will do, before anything changes.
func (s *server) checkCerts(cfg *config.Config) error {
	if s.certs == nil || len(cfg.TLS.Pairs) == 0 {
		return nil
	}
	_, _, err := certs.Load(s.certificates(cfg))
	return err
}

// changeCerts has new connections get the certificates of a new configuration.
func (s *server) changeCerts(cfg *config.Config) error {
	for _, socket := range s.sockets.all() {
		if was, is := speaksTLS(s.config(), socket), speaksTLS(cfg, socket); was != is {
			s.log.Warn(fmt.Sprintf("%s goes on to speak %s until the next start (systemctl restart, or SIGUSR2)",
				address(socket.Listener.Addr()), map[bool]string{true: "TLS", false: "plain HTTP"}[was]))
		}
	}
	if s.certs == nil || len(cfg.TLS.Pairs) == 0 {
		return nil
	}
	warnings, err := s.certs.Change(s.certificates(cfg))
	s.warn(warnings)
	return err
}

// tlsName is the name of sockets for TLS (FileDescriptorName= of systemd.socket(5)).
const tlsName = "https"

// speaksTLS says whether a socket's clients speak TLS. What stands before the address in bind says so; without that it is TLS where there is
// a certificate, as with Gunicorn, but on Unix sockets, which a proxy of this machine uses. A socket of systemd's that bind does not name
// is for TLS when its name says https.
func speaksTLS(cfg *config.Config, socket activation.Socket) bool {
	if len(cfg.TLS.Pairs) == 0 {
		return false
	}
	for _, bind := range cfg.Bind {
		a, err := front.ParseAddr(bind)
		if err != nil || !socketIs(socket, a) {
			continue
		}
		if a.Scheme != "" {
			return a.Scheme == front.HTTPS
		}
		return socket.Listener.Addr().Network() != "unix"
	}
	return socket.Name == tlsName
}

// socketIs says whether a socket is the one of an address.
func socketIs(socket activation.Socket, a front.Addr) bool {
	if !socket.Activated {
		return socket.Name == a.String()
	}
	if a.Host == "localhost" {
		a.Host = "127.0.0.1"
	}
	at := socket.Listener.Addr()
	if a.Network == front.Unix {
		return at.Network() == "unix" && at.String() == a.Path
	}
	return a.Network == front.TCP && address(at) == plainAddress(a.String())
}

// serveSocket serves one socket until the engine is shut down.
func (s *server) serveSocket(l net.Listener, secure bool) error {
	if !secure {
		return s.engine.Serve(l)
	}
	return s.engine.ServeTLS(l, s.certs.Config())
}
