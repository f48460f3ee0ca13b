// Package python carries the worker runtime, the Python package kirin_worker, and prepares it for an
// interpreter of the user's choice.
//
// Nothing is written to disk. Prepare has the interpreter compile the runtime once and keeps the result in a
// sealed memfd (memfd_create(2)); each worker inherits its descriptor and starts from it without compiling
// anything, as whatever user it runs.
package python

import (
	"fmt"
	"os"
	"strconv"
)

// OldestMajor and OldestMinor are the oldest version of Python that runs the runtime.
const (
	OldestMajor = 3
	OldestMinor = 8
)

// Runtime is the worker runtime as one interpreter compiled it.
type Runtime struct {
	// Path is the interpreter, as it was given to Prepare.
	Path string
	// Version is the interpreter's, "3.11.2".
	Version string
	// Implementation is "CPython" or "PyPy".
	Implementation string

	image *os.File
	size  int
}

// File is the compiled runtime. A worker inherits it at the descriptor that Args names; it is read at offset
// 0 whatever the file's position, so that any number of workers can share it.
func (r *Runtime) File() *os.File { return r.image }

// Args gives what follows the interpreter on a worker's command line: it runs the runtime from descriptor fd
// (which it closes) with args, such as "serve", "--class=sync", "app:app".
func (r *Runtime) Args(fd int, args ...string) []string {
	return append([]string{"-c", r.boot(strconv.Itoa(fd))}, args...)
}

// LateBoot is the text for the interpreter's -c where the descriptor is known to another process only, and comes as the first argument.
func (r *Runtime) LateBoot() string { return r.boot("int(__import__('sys').argv.pop(1))") }

func (r *Runtime) boot(descriptor string) string {
	return fmt.Sprintf("import os,marshal;descriptor=%s;image=marshal.loads(os.pread(descriptor,%d,0));exec(image['boot'])", descriptor, r.size)
}

// Close releases the compiled runtime. Workers that have started are not affected.
func (r *Runtime) Close() error { return r.image.Close() }
