// Package workertest has workers for tests: goroutines that speak package wire over socket pairs, and do what a test tells them.
//
// A [Fleet] is a workers.Launcher. Its serve function plays the application; a [Call] is one request there:
//
//	fleet := workertest.New(t, 1, func(c *workertest.Call) { c.Complete("200 OK", "hello") })
//	pool := workers.New(fleet, workers.Options{})
//
// With one slot the calls of a worker are served one after the other, as docs/protocol.md says, and a CANCEL for one that was not
// begun gives it back; with more each has a goroutine of its own. Every goroutine has ended when the test's cleanup is over.
package workertest
