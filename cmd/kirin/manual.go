package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kirin-server/kirin/internal/config"
)

// newManual is what scripts/package asks for the parts of manual pages that the program knows best.
func newManual() *cobra.Command {
	parts := map[string]func(*cobra.Command) string{
		"commands": manualCommands,
		"flags":    func(*cobra.Command) string { return config.ManualFlags() },
		"keys":     func(*cobra.Command) string { return config.ManualKeys() },
	}
	return &cobra.Command{
		Use: "manual commands|flags|keys", Short: "Print a part of a manual page in Markdown", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			part, ok := parts[args[0]]
			if !ok {
				return usageError("kirin manual commands", "there is no part %q", args[0])
			}
			_, err := io.WriteString(cmd.OutOrStdout(), part(cmd.Root()))
			return err
		},
	}
}

// manualCommands is a section for every command that is not hidden. The flags of "kirin run" are another part.
func manualCommands(root *cobra.Command) string {
	var b strings.Builder
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		fmt.Fprintf(&b, "## kirin %s\n\n%s.\n\n", strings.NewReplacer("[", `\[`, "_", `\_`, "*", `\*`).Replace(c.Use), c.Short)
		if c.Long != "" {
			fmt.Fprintf(&b, "%s\n\n", c.Long)
		}
		if c.Example != "" {
			fmt.Fprintf(&b, "```\n%s\n```\n\n", c.Example)
		}
		if c.Name() != "run" {
			c.LocalFlags().VisitAll(func(f *pflag.Flag) { b.WriteString(manualFlag(f)) })
		}
	}
	return b.String()
}

func manualFlag(f *pflag.Flag) string {
	if f.Name == "help" {
		return ""
	}
	value, usage := pflag.UnquoteUsage(f)
	if value != "" {
		value = " *" + strings.ToUpper(value) + "*"
	}
	return fmt.Sprintf("**--%s**%s\n: %s.\n\n", f.Name, value, strings.ToUpper(usage[:1])+usage[1:])
}
