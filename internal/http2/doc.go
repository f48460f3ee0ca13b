// Package http2 is the server's side of HTTP/2 (RFC 9113) on one connection: streams, flow control, and what bounds a client. Frames and
// HPACK are golang.org/x/net's. The server that comes with those is not used: it has no two steps of GOAWAY, so that requests on their way
// would be lost at a hand-over, and extended CONNECT (RFC 8441) only by an environment variable.
//
// What a client can make the server hold is bounded: streams by [Options.Streams], and as many more whose requests were cancelled but have
// not ended yet; of each, the body that was sent ahead by [Options.Window]; a head by [Options.HeaderList]; what it does not read by
// [maxOut], beyond which those that write wait. Frames that bring nothing, and streams that are reset, are counted (flood.go).
package http2
