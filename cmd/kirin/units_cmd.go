package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
)

const unitsLong = `Print what kirin-generator makes of /etc/kirin/NAME.conf at boot and at systemctl daemon-reload: drop-ins for
the template units kirin@.socket, kirin@.service, kirin-worker@.socket and kirin-worker@.service.
Once they are in place, systemctl cat kirin@NAME.service shows them with the rest.`

func newUnits() *cobra.Command {
	var o config.AppOptions
	var version int
	cmd := &cobra.Command{
		Use:     "units NAME",
		Short:   "Print an application as systemd units",
		Long:    unitsLong,
		Example: "  kirin units shop",
		Args:    oneName,
		RunE: func(cmd *cobra.Command, args []string) error {
			app, err := config.LoadApp(args[0], o)
			if err != nil {
				return err
			}
			if version == 0 {
				if version, err = systemdVersion(cmd.Context(), o.Root); err != nil {
					return err
				}
			}
			files, err := dropIns(app, version)
			for i, f := range files {
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				fmt.Fprintf(cmd.OutOrStdout(), "# %s\n%s", f.Path, f.Content)
			}
			return err
		},
	}
	cmd.ValidArgsFunction = completeApps
	cmd.Flags().StringVar(&o.Root, "root", "", "look for files below this directory in place of /")
	cmd.Flags().IntVar(&version, "systemd", 0, "the version of systemd to write for, in place of the installed one")
	return cmd
}
