package python

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

func TestPrepareRuns(t *testing.T) {
	r, err := Prepare(context.Background(), "/usr/bin/python3")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Log(r.Version, r.Implementation, r.size)
	cmd := exec.Command(r.Path, r.Args(4, "serve", "hello:app")...)
	cmd.ExtraFiles = []*os.File{os.Stdin, r.File()}
	out, err := cmd.CombinedOutput()
	t.Logf("%s %v", out, err)
}
