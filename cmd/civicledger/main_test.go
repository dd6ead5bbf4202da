package main

import (
	"testing"

	"github.com/spf13/cobra"
)

// Every command says what it is for and shows an example.
func TestCommands_HaveExamples(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		if c.HasParent() && c.Name() != "help" && (c.Short == "" || c.Example == "") {
			t.Errorf("%s has no summary or no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand())
}
