// Package websocket relays a WebSocket (RFC 6455) between a client and a worker. Towards the client it speaks the protocol: handshake, masks,
// fragments, permessage-deflate (RFC 7692), ping and pong, UTF-8, limits. The worker has messages (docs/protocol.md).
//
// A [Decoder] and an [Encoder] are for an event loop that passes them on by itself; a [Relay] is two goroutines between two sockets, for
// what is not on a loop; a [Passage] is that for bytes.
package websocket
