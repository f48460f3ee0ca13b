package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/printable"
)

const runLong = `Serve a WSGI application in the foreground, with Gunicorn's options and its configuration file.

MODULE:CALLABLE is the module as Python imports it and the name of the application in it. The
name may be a path of attributes (app:site.application) or a call with literal arguments
(app:create_app("production")); when it is left out, it is "application".

Values come from, the later one winning: the defaults, the environment, gunicorn.conf.py (or
--config), GUNICORN_CMD_ARGS, the command line.`

func newRun() *cobra.Command {
	var options config.Args
	cmd := &cobra.Command{
		Use:   "run [options] MODULE:CALLABLE",
		Short: "Serve an application in the foreground",
		Long:  runLong,
		Example: `  kirin run app:app
  kirin run --workers 4 --bind 0.0.0.0:8000 --access-logfile - shop.wsgi
  kirin run --chdir /srv/shop --python venv/bin/python 'shop:create_app("production")'`,
		Version: version(),
		RunE: func(cmd *cobra.Command, args []string) error {
			options.App = args
			return run(cmd.Context(), &options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	options.AddFlags(cmd.Flags())
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		_, err := io.WriteString(cmd.OutOrStdout(), runUsage())
		return err
	})
	completeValues(cmd)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return config.FlagError(err, config.Source{Origin: config.FromCommandLine})
	})
	return cmd
}

// printed is what --print-config shows.
func printed(cfg *config.Config) string {
	if cfg.Verbose {
		return cfg.PrintSources()
	}
	return cfg.Print()
}

// run reads the configuration and serves. The configuration is read again, from all its sources, at every reload.
func run(ctx context.Context, options *config.Args, stdout, stderr io.Writer) error {
	if line, ok := runsAsMonitor(); ok {
		return monitorMain(ctx, options, line)
	}
	source := newConfigSource(options)
	cfg, err := source.load(ctx)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stderr, "kirin: warning: %s\n", printable.Text(w))
	}
	if cfg.PrintConfig {
		fmt.Fprint(stdout, printed(cfg))
	}
	if cfg.PrintConfig || cfg.CheckConfig {
		return checkApplication(ctx, cfg)
	}
	if cfg.Daemon && os.Getenv(envDaemon) == "" {
		return background(cfg)
	}
	return serve(ctx, source, cfg)
}
