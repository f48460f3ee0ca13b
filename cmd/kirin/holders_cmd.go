package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/units"
)

// newHolders is what a socket unit runs when it has ended, or could not be started: of an address that is taken, systemd says
// "Input/output error". It says nothing when no address of the application is.
func newHolders() *cobra.Command {
	return &cobra.Command{
		Use: "holders NAME", Short: "Say who has the addresses of an application", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			app, err := config.LoadApp(args[0], config.AppOptions{})
			if err != nil {
				return nil // others say it
			}
			return plain(app.CheckHolders(func() []units.Listening { return listening(cmd.Context()) }))
		},
	}
}

// listeningTime is how long systemd may take to say where it listens; it may be about to end.
const listeningTime = 2 * time.Second

// listening is where systemd listens; nothing when it cannot be asked.
func listening(ctx context.Context) []units.Listening {
	ctx, cancel := context.WithTimeout(ctx, listeningTime)
	defer cancel()
	manager, err := units.Connect(ctx)
	if err != nil {
		return nil
	}
	defer manager.Close()
	all, err := manager.Listening(ctx)
	if err != nil {
		return nil
	}
	return all
}
