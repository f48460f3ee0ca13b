// Package websocket relays a WebSocket (RFC 6455) between a client and a worker. Towards the client it speaks the protocol: handshake, masks,
// fragments, permessage-deflate (RFC 7692), ping and pong, UTF-8, limits. The worker has whole messages, each behind a small head
// (docs/protocol.md).
package websocket
