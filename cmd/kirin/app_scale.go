package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
)

func newScale() *cobra.Command {
	var persistent bool
	cmd := &cobra.Command{
		Use:   "scale NAME WORKERS",
		Short: "Change the number of workers of an application, until the next boot",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError("see kirin scale --help", "kirin scale takes the name of an application and a number of workers")
			}
			return checkName(args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 1 || n > units.MaxWorkers {
				return usageError("kirin scale "+args[0]+" 4", "%q is not a number of workers", args[1])
			}
			return scaleApp(cmd.Context(), args[0], n, persistent, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&persistent, "persistent", false, "keep it after the next boot")
	return cmd
}

// scaleApp writes the number to a drop-in of the application's file, and brings it about when the front runs.
func scaleApp(ctx context.Context, name string, n int, persistent bool, out io.Writer) error {
	if _, err := config.LoadApp(name, config.AppOptions{}); errors.Is(err, config.ErrNoApp) {
		return unknownApp(name)
	} else if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return denied("only root may change the number of workers")
	}
	manager, err := connect(ctx)
	if err != nil {
		return err
	}
	defer manager.Close()
	app, err := writeScale(name, n, persistent)
	if err != nil {
		return err
	}
	if err := manager.DaemonReload(ctx); err != nil {
		return err
	}
	front, err := manager.Active(ctx, units.Names{App: name}.Front())
	if err != nil || len(front) == 0 { // it starts with the number
		return err
	}
	return withSockets(ctx, name, n+app.Config.Surge, func() error {
		_, err := steer(ctx, name, order{Do: "scale", Workers: n}, out)
		return err
	})
}

// writeScale writes the drop-in, and takes it back when the application would not have the number by it.
func writeScale(name string, n int, persistent bool) (*config.App, error) {
	dir := config.AppDirs()[1]
	if persistent {
		dir = config.AppDirs()[0]
	}
	path := filepath.Join(dir, name+".conf.d", "50-scale.conf")
	before, readErr := os.ReadFile(path)
	if readErr != nil && !errors.Is(readErr, os.ErrNotExist) {
		return nil, readErr
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	err := os.WriteFile(path, fmt.Appendf(nil, "# Written by kirin scale\n[App]\nWorkers=%d\n", n), 0o644)
	var app *config.App
	if err == nil {
		app, err = config.LoadApp(name, config.AppOptions{})
	}
	if err == nil && app.Config.Workers != n {
		err = &exitError{
			code: exitFailure, err: fmt.Errorf("another drop-in of %s has the last word on Workers=", name),
			hint: "see /etc/kirin/" + name + ".conf.d, or use --persistent",
		}
	}
	if err == nil {
		return app, nil
	}
	if readErr != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	return nil, errors.Join(err, os.WriteFile(path, before, 0o644))
}
