// Package testkit starts the built binary and real applications for black-box
// tests, and looks at them from outside: over sockets, through /proc, by
// signals and in what they log.
//
// A test package calls Run from TestMain, and each test Start. Everything that
// waits has a bound, and waits for an event: a line in a log, a process in
// /proc, an answer. When a test ends, its server is stopped and must leave
// nothing behind: no process, no temporary file, no report of a data race.
//
// The environment says what is tested:
//
//	KIRIN_TEST_BINARY    a binary to test in place of one built from this checkout
//	KIRIN_TEST_BUILDS    a folder in which packages share what they build (scripts/test makes one)
//	KIRIN_TEST_PYTHON    the CPython of the applications, by default /usr/bin/python3
//	KIRIN_TEST_PYPY      the PyPy of the applications, by default /usr/bin/pypy3
//	KIRIN_TEST_RACE      set to anything: the binary is built for the race detector, though the tests may not be
//	KIRIN_TEST_SOAK      set to anything: the long form of what has one (scripts/test --soak)
//	KIRIN_TEST_COVERDIR  a folder for coverage data of the binary (go tool covdata)
package testkit
