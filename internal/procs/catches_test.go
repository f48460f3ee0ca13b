package procs

import (
	"bufio"
	"os/exec"
	"syscall"
	"testing"
)

func TestCatches(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/bin/sh", "-c", "trap : USR1; trap '' USR2; echo set; read over")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for sig, want := range map[syscall.Signal]bool{syscall.SIGUSR1: true, syscall.SIGUSR2: false, syscall.SIGALRM: false} {
		if got := Catches(cmd.Process.Pid, sig); got != want {
			t.Errorf("%v: %v, want %v", sig, got, want)
		}
	}
	in.Close()
	cmd.Wait()
	if Catches(cmd.Process.Pid, syscall.SIGUSR1) {
		t.Error("a process that has gone catches a signal")
	}
}
