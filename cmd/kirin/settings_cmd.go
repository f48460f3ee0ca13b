package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kirin-server/kirin/internal/config"
)

const settingsLong = `Print every setting: Gunicorn's 26.1, and kirin's own. With NAME, one; a flag or a key of /etc/kirin/NAME.conf will do as well.
The state says what kirin makes of it: implemented as in Gunicorn, done better (the note says how), systemd's (the note names the
directive of a unit; kirin run does it itself), or not applicable (the note says why).`

func newSettings() *cobra.Command {
	var asJSON, asMarkdown bool
	cmd := &cobra.Command{
		Use:     "settings [NAME...]",
		Short:   "Print the table of settings",
		Long:    settingsLong,
		Example: "  kirin settings\n  kirin settings max_requests\n  kirin settings --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := settingsNamed(args)
			switch {
			case err != nil:
				return err
			case asJSON:
				return writeJSON(cmd.OutOrStdout(), rows)
			case asMarkdown:
				_, err := io.WriteString(cmd.OutOrStdout(), config.Markdown())
				return err
			case len(args) > 0:
				return writeSettings(cmd.OutOrStdout(), rows)
			}
			return listSettings(cmd.OutOrStdout(), rows)
		},
		ValidArgsFunction: completeSettings,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print an array of JSON objects")
	cmd.Flags().BoolVar(&asMarkdown, "markdown", false, "print the page docs/settings.md")
	return cmd
}

// settingsNamed are the rows of those names, or all.
func settingsNamed(names []string) ([]*config.Setting, error) {
	if len(names) == 0 {
		return config.Settings(), nil
	}
	var rows []*config.Setting
	for _, name := range names {
		s, near := config.Find(name)
		if s == nil {
			return nil, usageError(near, "there is no setting %q", name)
		}
		rows = append(rows, s)
	}
	return rows, nil
}

func completeSettings(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return each(config.Settings(), func(s *config.Setting) string { return s.Name }), cobra.ShellCompDirectiveNoFileComp
}

// listSettings writes a line for each.
func listSettings(w io.Writer, rows []*config.Setting) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tFLAG\tKEY\tDEFAULT\tSTATE")
	for _, s := range rows {
		flag := "-"
		if len(s.Long) > 0 {
			flag = "--" + s.Long[0]
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, flag, dash(s.AppKey()), s.ShownDefault(), s.State)
	}
	return t.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// writeSettings writes all that is known of each.
func writeSettings(w io.Writer, rows []*config.Setting) error {
	for i, s := range rows {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s (%s)\n", s.Name, s.State)
		for _, line := range [][2]string{
			{"what", s.Help},
			{"note", s.Note},
			{"flags", strings.Join(s.Flags(), " ")},
			{"environment", s.Env},
			{"key in /etc/kirin", s.AppKey()},
			{"default", s.ShownDefault()},
			{"choices", strings.Join(s.Choices, ", ")},
		} {
			if line[1] != "" {
				fmt.Fprintf(w, "  %-18s%s\n", line[0]+":", line[1])
			}
		}
	}
	return nil
}

// settingJSON is a row for other programs.
type settingJSON struct {
	Name        string   `json:"name"`
	Section     string   `json:"section"`
	Flags       []string `json:"flags"`
	Key         string   `json:"key,omitempty"`
	Environment string   `json:"environment,omitempty"`
	Default     any      `json:"default"`
	Choices     []string `json:"choices,omitempty"`
	State       string   `json:"state"`
	Help        string   `json:"help"`
	Note        string   `json:"note,omitempty"`
}

func writeJSON(w io.Writer, rows []*config.Setting) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(each(rows, func(s *config.Setting) settingJSON {
		return settingJSON{s.Name, s.Section, append([]string{}, s.Flags()...), s.AppKey(), s.Env, s.Default, s.Choices, s.State.String(), s.Help, s.Note}
	}))
}
