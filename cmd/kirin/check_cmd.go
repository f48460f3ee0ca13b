package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
)

const checkLong = `Check application files: their syntax, keys and values, and whether the user, the directory and the interpreter
that they name are there. Each mistake is one line on standard error: FILE:LINE: what is wrong: what mends it.
With no argument every application is checked. The exit status is 2 when there is a mistake.

The application itself is not loaded; "kirin run --check-config" does that.`

func newCheck() *cobra.Command {
	var o config.AppOptions
	cmd := &cobra.Command{
		Use:     "check [FILE|NAME...]",
		Short:   "Check application files",
		Long:    checkLong,
		Example: "  kirin check\n  kirin check shop\n  kirin check ./shop.conf",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				names, err := config.Apps(o)
				if err != nil {
					return err
				}
				args = names
			}
			return checkApps(args, o, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&o.Root, "root", "", "look for files below this directory in place of /")
	return cmd
}

// checkApps checks each application and the addresses of all. What is wrong has been written when it returns.
func checkApps(args []string, o config.AppOptions, stdout, stderr io.Writer) error {
	var apps []*config.App
	wrong := 0
	for _, arg := range args {
		app, err := checkApp(arg, o)
		if err != nil {
			wrong++
			complain(stderr, err)
			continue
		}
		apps = append(apps, app)
		fmt.Fprintf(stdout, "%s: good\n", app.Name)
	}
	for _, line := range config.SharedAddresses(apps) {
		fmt.Fprintf(stderr, "kirin: warning: %s\n", line)
	}
	if wrong > 0 {
		return &exitError{code: exitUsage, err: fmt.Errorf("%d of %d applications cannot be served", wrong, len(args))}
	}
	return nil
}

func checkApp(arg string, o config.AppOptions) (app *config.App, err error) {
	if strings.Contains(arg, "/") || strings.HasSuffix(arg, ".conf") {
		app, err = config.LoadAppFile(arg)
	} else {
		app, err = config.LoadApp(arg, o)
	}
	if err == nil {
		err = app.CheckHost()
	}
	return app, err
}

// complain writes each mistake on a line of its own.
func complain(w io.Writer, err error) {
	if all, ok := errors.AsType[config.Errors](err); ok {
		for _, one := range all {
			fmt.Fprintln(w, oneLine(one.Line()))
		}
		return
	}
	if one, ok := errors.AsType[*config.Error](err); ok {
		fmt.Fprintln(w, oneLine(one.Line()))
		return
	}
	fmt.Fprintf(w, "kirin: error: %s\n", oneLine(err.Error()))
}
