package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func newManCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page of all commands",
		Long:    "man prints one manual page in roff with every command, its flags and examples.",
		Example: "  civicledger man | man -l -\n  civicledger man > /usr/local/share/man/man1/civicledger.1",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			root := cmd.Root()
			out := cmd.OutOrStdout()
			fmt.Fprintf(out, ".TH CIVICLEDGER 1 \"\" \"civicledger %s\"\n.SH NAME\ncivicledger \\- %s\n.SH DESCRIPTION\n%s", root.Version, root.Short, verbatim(root.Long))
			for _, c := range root.Commands() {
				manual(out, c)
			}
			return nil
		},
	}
}

// manual writes the section of a command and of those below it.
func manual(out io.Writer, c *cobra.Command) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	fmt.Fprintf(out, ".SH %s\n%s", strings.ToUpper(c.CommandPath()), verbatim(c.UseLine()+"\n\n"+c.Long))
	if usage := c.LocalFlags().FlagUsages(); usage != "" {
		fmt.Fprintf(out, ".PP\n%s", verbatim(usage))
	}
	if c.Example != "" {
		fmt.Fprintf(out, ".PP\nFor example:\n.PP\n%s", verbatim(c.Example))
	}
	for _, below := range c.Commands() {
		manual(out, below)
	}
}

// verbatim is text as it stands, in roff.
func verbatim(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "\n", "\n\\&").Replace(strings.Trim(text, "\n"))
	return ".nf\n\\&" + text + "\n.fi\n"
}
