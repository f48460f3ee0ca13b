//go:build race

package testkit

// raced says that the tests run under the race detector, and so does the binary.
const raced = true
