package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
)

const scaleLong = `Change the number of workers of an application: a drop-in of its file has it, systemd reads it, and the front starts
or drains workers while requests go on. When the application does not run, its next start has the number.

It lasts until the next boot; with --persistent, for good.

With --control-socket it is for a server of kirin run that was given the same path, in place of NAME, and lasts until its next reload.`

func newScale() *cobra.Command {
	var persistent bool
	var path string
	cmd := &cobra.Command{
		Use:     "scale NAME WORKERS",
		Short:   "Change the number of workers of an application",
		Long:    scaleLong,
		Example: "  kirin scale shop 6\n  kirin scale --persistent shop 6",
		Args: func(_ *cobra.Command, args []string) error {
			if path != "" && len(args) == 1 {
				return nil
			}
			if path != "" {
				return usageError("kirin scale --control-socket PATH WORKERS", "kirin scale --control-socket takes a number of workers, and no name")
			}
			if len(args) != 2 {
				return usageError("kirin scale NAME WORKERS, such as kirin scale shop 4", "kirin scale takes the name of an application and a number of workers")
			}
			return checkName(args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			last := args[len(args)-1]
			n, err := strconv.Atoi(last)
			if err != nil || n < 1 || n > units.MaxWorkers {
				return usageError("kirin scale shop 4", "%q is not a number of workers from 1 to %d", last, units.MaxWorkers)
			}
			if path != "" {
				return scaleAt(cmd.Context(), path, n, cmd.OutOrStdout())
			}
			return scaleApp(cmd.Context(), args[0], n, persistent, cmd.OutOrStdout())
		},
	}
	cmd.ValidArgsFunction = completeApps
	cmd.Flags().BoolVar(&persistent, "persistent", false, "keep it after the next boot")
	takeControlSocket(cmd, &path)
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
	app, path, err := writeScale(name, n, persistent)
	if err != nil {
		return err
	}
	if err := manager.DaemonReload(ctx); err != nil {
		return err
	}
	until := "until the next boot"
	if persistent {
		until = "for good"
	}
	front, err := manager.Active(ctx, units.Names{App: name}.Front())
	if err != nil {
		return err
	}
	if len(front) == 0 {
		fmt.Fprintf(out, "%s has %d workers from its next start on, %s (%s)\n", name, n, until, path)
		return nil
	}
	number, spare := app.Config.Units()
	err = withSockets(ctx, name, number+spare, func() error {
		_, err := steer(ctx, name, order{Do: "scale", Workers: n}, out)
		return err
	})
	if err == nil {
		fmt.Fprintf(out, "%s has %d workers from now on, %s (%s)\n", name, n, until, path)
	}
	return err
}

// scaleDropIn is where kirin scale writes. The one that ends with the next boot has the last word until then.
func scaleDropIn(name string, persistent bool) string {
	if persistent {
		return filepath.Join(config.AppDirs()[0], name+".conf.d", "50-scale.conf")
	}
	return filepath.Join(config.AppDirs()[1], name+".conf.d", "55-scale.conf")
}

// writeScale writes the drop-in, and takes everything back when the application would not have the number by it.
func writeScale(name string, n int, persistent bool) (app *config.App, path string, err error) {
	path = scaleDropIn(name, persistent)
	undo, err := replaceFile(path, fmt.Sprintf("# Written by kirin scale\n[App]\nWorkers=%d\n", n))
	if err != nil {
		return nil, "", err
	}
	undoAll := undo
	if persistent { // which an earlier one must not outdo
		undoOther, err := removeFile(scaleDropIn(name, false))
		if err != nil {
			return nil, "", errors.Join(err, undo())
		}
		undoAll = func() error { return errors.Join(undo(), undoOther()) }
	}
	app, err = config.LoadApp(name, config.AppOptions{})
	if err == nil && app.Config.Workers != n {
		err = &exitError{
			code: exitFailure, err: fmt.Errorf("another drop-in of %s has the last word on Workers=", name),
			hint: "see " + filepath.Join(config.AppDirs()[0], name+".conf.d"),
		}
	}
	if err != nil {
		return nil, "", errors.Join(err, undoAll())
	}
	return app, path, nil
}

// replaceFile writes a file that the front may read, whole or not at all, and makes its folder. undo brings back what was there.
func replaceFile(path, text string) (undo func() error, err error) {
	before, err := os.ReadFile(path)
	if err == nil {
		undo = func() error { return putFile(path, before) }
	} else if errors.Is(err, fs.ErrNotExist) {
		undo = func() error { return os.Remove(path) }
	} else {
		return nil, err
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // whatever our umask says
			return nil, err
		}
	}
	return undo, putFile(path, []byte(text))
}

// putFile has the file appear whole: a generator may read it at any time.
func putFile(path string, text []byte) error {
	fresh := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	err := os.WriteFile(fresh, text, 0o644)
	if err == nil {
		err = os.Chmod(fresh, 0o644)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	return err
}

// removeFile removes a file that need not be there.
func removeFile(path string) (undo func() error, err error) {
	before, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	return func() error { return putFile(path, before) }, os.Remove(path)
}
