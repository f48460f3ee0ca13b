package main

import (
	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
)

// completeValues lets the shell complete the values of flags that have a fixed set of them, and directories for
// those that want one. What is left completes to files, which is the shell's own choice.
func completeValues(cmd *cobra.Command) {
	for _, s := range config.Settings() {
		for _, long := range s.Long {
			if complete := completion(s); complete != nil {
				// The only error is a flag that does not exist or has a completion already.
				_ = cmd.RegisterFlagCompletionFunc(long, complete)
			}
		}
	}
}

// completeApps lets the shell complete the name of an application, as the first argument.
func completeApps(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names, err := config.Apps(config.AppOptions{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completion(s *config.Setting) cobra.CompletionFunc {
	switch {
	case len(s.Choices) > 0:
		return cobra.FixedCompletions(s.Choices, cobra.ShellCompDirectiveNoFileComp)
	case s.Meta == "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case s.Meta == "INT" || s.Meta == "SECONDS" || s.Meta == "BYTES" || s.Meta == "MODE":
		return cobra.NoFileCompletions
	}
	return nil
}
