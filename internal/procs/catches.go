// Package procs reads what the kernel says of other processes (proc(5)).
package procs

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Catches reports whether the process has a handler for sig. One that has none may be ended by it (signal(7)); a program that sets its
// handler before it does what the signal is about misses nothing by not being sent it.
func Catches(pid int, sig syscall.Signal) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false // it has gone
	}
	_, mask, _ := strings.Cut(string(text), "\nSigCgt:")
	mask, _, _ = strings.Cut(mask, "\n")
	bits, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
	return err == nil && bits>>(sig-1)&1 == 1
}
