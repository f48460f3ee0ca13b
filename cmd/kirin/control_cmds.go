package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// What kirin status, reload and scale do with a server of "kirin run", by its control socket.

// takeControlSocket gives a command the flag.
func takeControlSocket(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "control-socket", "", "the `PATH` that kirin run was given as --control-socket, in place of the name of an application")
}

// oneNameOr is for a command that takes the name of one application, or the path of a control socket.
func oneNameOr(path string, cmd *cobra.Command, args []string) error {
	if path != "" {
		return noName(cmd, args)
	}
	return oneName(cmd, args)
}

func noName(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("leave "+args[0]+" out, or --control-socket", "%s --control-socket takes no name of an application", cmd.CommandPath())
	}
	return nil
}

// steerAt sends an order to a server by the path of its control socket, and prints what it says meanwhile.
func steerAt(ctx context.Context, path string, o order, out io.Writer) (answer, error) {
	return steerOr(ctx, path, o, out,
		&exitError{code: exitFailure, err: fmt.Errorf("permission denied: %s is for the user who runs the server", path), hint: "be that user, or root"},
		&exitError{
			code: exitFailure, err: fmt.Errorf("no server listens at %s", path),
			hint: "give this path to kirin run as --control-socket, or name the application when systemd keeps it",
		})
}

func scaleAt(ctx context.Context, path string, n int, out io.Writer) error {
	if _, err := steerAt(ctx, path, order{Do: "scale", Workers: n}, out); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d workers from now on, until the next reload\n", n)
	return nil
}

func statusAt(ctx context.Context, path string, asJSON bool, out io.Writer) error {
	a, err := steerAt(ctx, path, order{Do: "status"}, io.Discard)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(out).Encode(a.Status)
	}
	fmt.Fprintf(out, "%s: pid %d, %s\n", a.Status.App, a.Status.Pid, a.Status.headline())
	for _, w := range a.Status.Pool.Workers {
		fmt.Fprintf(out, "  worker %-4d pid %-8d %-9s %d of %d slots busy, %d requests\n", w.Number, w.Pid, w.State, w.Open, w.Slots, w.Requests)
	}
	return nil
}

// headline is a front in one line.
func (f *liveStatus) headline() string {
	p := f.Pool
	return fmt.Sprintf("%s, %d requests running, %d queued, %.0f/s, p95 %v, %d requests, %d not answered by a worker",
		readiness(p), p.Busy, p.Queued, f.PerSecond, time.Duration(f.P95*float64(time.Second)).Round(100*time.Microsecond), p.Requests, p.Failures)
}
