package main

import (
	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
	"github.com/kirin-server/kirin/internal/proxies"
)

// edgeOptions are the settings of the edge.
func edgeOptions(o *front.Options, e *config.Edge) {
	o.Proxy = proxyVersions(e.ProxyProtocol)
	o.ProxyAllow, o.ProxyAllowAll = e.ProxyAllow, e.ProxyAllowAll
	o.ProxyFields, o.ProxyHops = e.ProxyFields, e.ProxyHops
	o.HealthPath, o.HealthLogged, o.IDHeader = e.HealthPath, e.HealthLog, e.RequestIDHeader
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
