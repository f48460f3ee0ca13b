package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// execute runs one command line and returns the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return report(stderr, err)
	}
	return exitOK
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:     "kirin",
		Short:   "A systemd-native server for Python web applications",
		Version: version(),
		// Also how far a mistyped command may be from the one that is suggested.
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError("see kirin help", "%w", err)
	})
	root.SetVersionTemplate("kirin version {{.Version}}\n")
	root.SetHelpCommand(newHelp())
	root.AddCommand(newRun(), newVersion())
	root.AddCommand(newServe(), newReload(), newReexec(), newScale(), newStatus(), newCheck(), newUnits(), newRefuse(), newHolders(), newManual(), newSettings(), newImport(), newTune())
	return root
}

// knownCommand refuses a first word that is no command, with the one that was likely meant. It also serves as the
// validator of the root's arguments: cobra gives them only when there is no such command.
func knownCommand(parent *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see kirin help"
	if near := parent.SuggestionsFor(args[0]); len(near) > 0 {
		hint = "did you mean kirin " + strings.Join(near, " or kirin ") + "?"
	} else if strings.Contains(args[0], ":") {
		hint = "did you mean kirin run " + args[0] + "?"
	}
	return usageError(hint, "there is no command %q", args[0])
}

// noArguments refuses whatever follows a command that takes nothing.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("see "+cmd.CommandPath()+" --help", "%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
}

// newHelp is cobra's help command, but that an unknown command is an error.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Explain a command",
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return knownCommand(about, rest)
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}
