// Package proxies reads what proxies in front of a server say of its clients: the PROXY protocol, Forwarded (RFC 7239), and X-Forwarded-For
// and its kin. It has no input and output, and decides nothing on whom to believe.
package proxies
