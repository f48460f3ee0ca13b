package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
)

func newRun() *cobra.Command {
	var options config.Args
	cmd := &cobra.Command{
		Use:   "run [options] MODULE:CALLABLE",
		Short: "Serve an application in the foreground",
		RunE: func(cmd *cobra.Command, args []string) error {
			options.App = args
			return run(cmd.Context(), &options, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	options.AddFlags(cmd.Flags())
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return config.FlagError(err, config.Source{Origin: config.FromCommandLine})
	})
	return cmd
}

// run reads the configuration and serves. The configuration is read again, from all its sources, at every reload.
func run(ctx context.Context, options *config.Args, stdout, stderr io.Writer) error {
	inputs := config.Inputs{Args: options, Evaluate: evaluate}
	load := func(ctx context.Context) (*config.Config, error) { return config.Load(ctx, inputs) }
	cfg, err := load(ctx)
	if err != nil {
		return err
	}
	for _, w := range cfg.Warnings {
		fmt.Fprintf(stderr, "kirin: warning: %s\n", w)
	}
	if cfg.PrintConfig {
		fmt.Fprint(stdout, cfg.Print())
	}
	if cfg.PrintConfig || cfg.CheckConfig {
		return nil
	}
	return serve(ctx, load, cfg)
}
