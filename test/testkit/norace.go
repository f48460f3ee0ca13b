//go:build !race

package testkit

// raced says that the tests run under the race detector.
const raced = false
