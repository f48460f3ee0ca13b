package main

import (
	"context"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/proxies"
	"github.com/kirin-server/kirin/internal/static"
)

// edgeOptions are the settings of the edge.
func edgeOptions(o *front.Options, e *config.Edge) (err error) {
	o.Proxy = proxyVersions(e.ProxyProtocol)
	o.ProxyAllow, o.ProxyAllowAll = e.ProxyAllow, e.ProxyAllowAll
	o.UWSGI, o.UWSGIAllow, o.UWSGIAllowAll = e.UWSGI, e.UWSGIAllow, e.UWSGIAllowAll
	o.ProxyFields, o.ProxyHops = e.ProxyFields, e.ProxyHops
	o.BodyLimit = e.LimitRequestBody
	o.HealthPath, o.HealthLogged, o.IDHeader = e.HealthPath, e.HealthLog, e.RequestIDHeader
	o.ServerField, o.NoServerField = e.ServerHeader, e.ServerHeader == ""
	if len(e.Compress) > 0 {
		o.Compress = &front.Compression{Codings: e.Compress, Types: e.CompressTypes, Min: int64(e.CompressMinSize)}
	}
	if o.Static, err = openSite(e.Files.Static); err != nil {
		return err
	}
	o.Internal, err = openSite(e.Files.Internal)
	return err
}

// openSite opens the directories of files that the front serves; nil: there are none.
func openSite(o static.Options) (*static.Site, error) {
	if len(o.Mounts) == 0 {
		return nil, nil
	}
	return static.Open(o)
}

// checkFiles finds directories that are not there before anything is started.
func (s *server) checkFiles(_ context.Context, cfg *config.Config) error {
	_, err := s.frontOptions(cfg)
	return err
}

func proxyVersions(word string) proxies.Versions {
	switch word {
	case "v1":
		return proxies.V1
	case "v2":
		return proxies.V2
	case "auto":
		return proxies.V1 | proxies.V2
	}
	return 0
}
