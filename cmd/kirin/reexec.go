package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/units"
)

const reexecLong = `Have every front that runs, or those that are named, start the installed version of kirin, hand it the connections, and
finish; then replace the workers one by one, as kirin reload does. No request is lost. A front whose successor does not
start serves on, and so do workers whose successors do not. An upgrade of the package runs this.`

// reexecTime bounds the move of one application: a package manager waits for it.
const reexecTime = 5 * time.Minute

func newReexec() *cobra.Command {
	return &cobra.Command{
		Use:   "reexec [NAME...]",
		Short: "Move running applications to the installed version of kirin",
		Long:  reexecLong,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return reexec(cmd.Context(), args, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

// reexec moves one application after the other, so that not all need twice the memory at once. One that fails does not
// keep the others.
func reexec(ctx context.Context, names []string, out, stderr io.Writer) error {
	names, err := prepareReexec(ctx, names)
	if err != nil {
		return err
	}
	failed := 0
	for _, name := range names {
		if err := reexecApp(ctx, name); err != nil {
			failed++
			report(stderr, err)
			continue
		}
		fmt.Fprintf(out, "%s: kirin %s serves\n", name, version())
	}
	if failed > 0 {
		return &exitError{
			code: exitFailure, err: fmt.Errorf("%d of %d applications were not moved to kirin %s", failed, len(names), version()),
			hint: "what was not moved goes on; when that is mended: kirin reexec",
		}
	}
	return nil
}

// prepareReexec has systemd read the units, which the installed version may make otherwise, and gives the names, or those
// of all that run.
func prepareReexec(ctx context.Context, names []string) ([]string, error) {
	manager, err := connect(ctx)
	if err != nil {
		return nil, err
	}
	defer manager.Close()
	if len(names) == 0 {
		if names, err = runningApps(ctx, manager); err != nil || len(names) == 0 {
			return nil, err
		}
	}
	return names, manager.DaemonReload(ctx)
}

// runningApps are the applications whose fronts serve, sorted.
func runningApps(ctx context.Context, manager *units.Manager) ([]string, error) {
	states, err := manager.States(ctx, units.Names{App: "*"}.Front())
	if err != nil {
		return nil, err
	}
	var names []string
	for unit, state := range states {
		if state.Active == "active" || state.Active == "reloading" {
			names = append(names, strings.TrimSuffix(strings.TrimPrefix(unit, "kirin@"), ".service"))
		}
	}
	slices.Sort(names)
	return names, nil
}

func reexecApp(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, reexecTime, fmt.Errorf("it was not over after %v", reexecTime))
	defer cancel()
	a, err := steer(ctx, name, order{Do: "handover"}, io.Discard)
	if err != nil {
		return explainReexec(ctx, name, "the front was not moved", err)
	}
	if err := awaitFront(ctx, name, a.Pid); err != nil {
		return explainReexec(ctx, name, "the new front does not answer", err)
	}
	if err := reloadApp(ctx, name, "reload", io.Discard); err != nil {
		return explainReexec(ctx, name, "the front was moved, the workers were not", err)
	}
	return nil
}

// explainReexec says of which application an error is, and how far it came.
func explainReexec(ctx context.Context, name, what string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	e := classify(err)
	return &exitError{code: e.code, err: fmt.Errorf("%s: %s: %w", name, what, err), hint: e.hint, detail: e.detail}
}

// awaitFront waits until the front with a pid takes orders, which it does a moment after it has taken over.
func awaitFront(ctx context.Context, name string, pid int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		a, err := ask(ctx, controlPath(name), order{Do: "status"}, func(answer) {})
		if err == nil && a.Status != nil && a.Status.Pid == pid {
			return nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
