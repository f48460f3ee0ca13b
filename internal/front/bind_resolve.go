package front

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// resolve gives the family and the address for bind(2). A name stands for its first IPv4 address, as in Gunicorn, or for its first
// IPv6 address when it has no other.
func resolve(ctx context.Context, a Addr) (domain int, address unix.Sockaddr, err error) {
	ip, err := netip.ParseAddr(a.Host)
	if err != nil {
		if ip, err = lookup(ctx, a); err != nil {
			return 0, nil, err
		}
	}
	if ip.Is4() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port), Addr: ip.As4()}, nil
	}
	zone := uint32(0)
	if ip.Zone() != "" {
		i, err := net.InterfaceByName(ip.Zone())
		if err != nil {
			return 0, nil, fmt.Errorf("cannot bind to %s: there is no network interface %q: \"ip link\" lists them", a, ip.Zone())
		}
		zone = uint32(i.Index)
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port), Addr: ip.As16(), ZoneId: zone}, nil
}

func lookup(ctx context.Context, a Addr) (netip.Addr, error) {
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", a.Host)
	if err != nil && ctx.Err() == nil {
		if ip6, err6 := net.DefaultResolver.LookupNetIP(ctx, "ip6", a.Host); err6 == nil {
			ips, err = ip6, nil
		}
	}
	if err == nil && len(ips) > 0 {
		return ips[0].Unmap(), nil
	}
	if err == nil {
		err = errors.New("no address")
	}
	return netip.Addr{}, fmt.Errorf("cannot bind to %s: the host %q cannot be found: "+
		"use an IP address, such as 127.0.0.1, or 0.0.0.0 for all: %w", a, a.Host, err)
}
