// Package http1 reads and writes the framing of HTTP/1.x by RFC 9110 and RFC 9112: request heads, chunked bodies, response heads. It does
// no input or output and keeps no bytes: what it gives are views of the caller's buffer.
//
//	Parser   bytes of a connection -> Head, or *Error with the status that refuses the request
//	Chunks   a chunked body -> its data
//	Append…  status, fields and body -> bytes, framed as method, version and status want it
//
// The rule of the room: what the RFCs allow a server to repair is refused all the same, since two servers in a chain that repair
// differently are how requests are smuggled. docs/http.md has the list; every refusal names its section.
package http1
