// Package front is the HTTP side of kirin: it reads requests, gives them to a [workers.Pool], and sends the answers.
//
// An HTTP engine makes an [Exchange] for each request and provides a [Writer] for its answer; everything between is the
// same for all engines:
//
//	engine (conn.go)  bytes <-> Exchange, Writer, by package http1
//	Front.Serve       scheme, body, environ, pool, answer, access log
//
// The front trusts neither side: requests are checked before an application sees them, responses before a client does.
package front
