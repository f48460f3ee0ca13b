package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// The commands that steer a front which systemd keeps.

func newReload() *cobra.Command {
	return &cobra.Command{
		Use:   "reload NAME",
		Short: "Replace the workers of an application one by one (what systemctl reload runs)",
		Args:  oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			_, err := steer(cmd.Context(), args[0], order{Do: "reload"}, cmd.OutOrStdout())
			return err
		},
	}
}

func newScale() *cobra.Command {
	return &cobra.Command{
		Use:   "scale NAME WORKERS",
		Short: "Change the number of workers of an application, until it is restarted",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("see kirin scale --help", "kirin scale takes the name of an application and a number of workers")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 1 {
				return usageError("kirin scale "+args[0]+" 4", "%q is not a number of workers", args[1])
			}
			_, err = steer(cmd.Context(), args[0], order{Do: "scale", Workers: n}, cmd.OutOrStdout())
			return err
		},
	}
}

func newStatus() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status NAME",
		Short: "Show the front and the workers of an application",
		Args:  oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := steer(cmd.Context(), args[0], order{Do: "status"}, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(a.Status)
			}
			return a.Status.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func oneName(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError("see "+cmd.CommandPath()+" --help", "%s takes the name of one application", cmd.CommandPath())
	}
	return nil
}

// steer sends an order to an application's front and prints what it says meanwhile.
func steer(ctx context.Context, app string, o order, out io.Writer) (answer, error) {
	a, err := ask(ctx, controlPath(app), o, func(a answer) { fmt.Fprintln(out, a.Log) })
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return a, &exitError{
			code: exitFailure, err: fmt.Errorf("no front of %s runs", app),
			hint: fmt.Sprintf("systemctl start kirin@%s.service, or see systemctl status kirin@%[1]s", app),
		}
	case errors.Is(err, fs.ErrPermission):
		return a, &exitError{code: exitFailure, err: fmt.Errorf("the front of %s cannot be reached: permission denied", app), hint: "run it as root"}
	case err != nil:
		return a, err
	case a.Error != "":
		return a, &exitError{code: exitFailure, err: errors.New(a.Error), detail: a.Detail}
	}
	return a, nil
}

func (s *liveStatus) print(w io.Writer) error {
	p := s.Pool
	fmt.Fprintf(w, "%s: %d of %d workers ready, %d requests running, %d queued, %.0f/s, p95 %v\n", s.App, p.Ready, p.Wanted,
		p.Busy, p.Queued, s.PerSecond, time.Duration(s.P95*float64(time.Second)).Round(100*time.Microsecond))
	fmt.Fprintf(w, "front    pid %-8d %d requests, %d not answered by a worker\n", s.Pid, p.Requests, p.Failures)
	for _, k := range p.Workers {
		fmt.Fprintf(w, "worker %-2d pid %-8d %-9s %d of %d slots busy, %d requests\n", k.Number, k.Pid, k.State, k.Open, k.Slots, k.Requests)
	}
	return nil
}
