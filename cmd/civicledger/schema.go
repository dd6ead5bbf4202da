package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"civicledger/events/catalogue"
)

// newSchemaCommand returns the command that prints what may be said.
func newSchemaCommand() *cobra.Command {
	var example, fields bool
	cmd := &cobra.Command{
		Use:   "schema [TYPE]",
		Short: "Print the event types, or the JSON Schema of one",
		Long: `Without TYPE, schema lists every event type. With TYPE it prints the JSON Schema
(2020-12) of the whole event line; the version may be left out. Validation and
schema come from one table, which --fields prints for people.`,
		Example: `  civicledger schema
  civicledger schema subsidy.paid
  civicledger schema subsidy.paid.v1 --fields
  civicledger schema charity.donation.received --example > event.jsonl`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if len(args) == 0 {
				listTypes(out)
				return nil
			}
			t, err := findType(args[0])
			if err != nil {
				return err
			}
			switch {
			case example:
				fmt.Fprintf(out, "%s\n", t.Example())
			case fields:
				describeType(out, t)
			default:
				fmt.Fprintf(out, "%s\n", strings.TrimSuffix(string(t.Schema()), "\n"))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&example, "example", false, "print one valid event line instead")
	cmd.Flags().BoolVar(&fields, "fields", false, "print meaning, legal source and fields instead")
	cmd.MarkFlagsMutuallyExclusive("example", "fields")
	return cmd
}

// findType finds a type by its name; without a version, the first version.
func findType(name string) (*catalogue.Type, error) {
	for _, full := range []string{name, name + ".v1"} {
		if t, ok := catalogue.Lookup(full); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("schema: there is no type %q: civicledger schema lists them", name)
}

func listTypes(out io.Writer) {
	w := plainTable(out)
	w.AppendHeader(table.Row{"TYPE", "", ""})
	family := ""
	for _, t := range catalogue.Types() {
		if family != "" && t.Family != family {
			w.AppendRow(table.Row{})
		}
		family = t.Family
		w.AppendRow(table.Row{t.Name, t.TitleZH, t.TitleEN})
	}
	w.Render()
}

func describeType(out io.Writer, t *catalogue.Type) {
	fmt.Fprintf(out, "%s  %s · %s\n\n%s\n\nSource: %s\n\n", t.Name, t.TitleZH, t.TitleEN, t.Meaning, t.LegalSource)
	w := plainTable(out)
	w.AppendHeader(table.Row{"FIELD", "KIND", "", "MEANING"})
	appendFields(w, "", t.Fields)
	w.Render()
}

func appendFields(w table.Writer, indent string, fields []catalogue.Field) {
	for i := range fields {
		f := &fields[i]
		must := ""
		if f.Required {
			must = "required"
		}
		kind := f.Kind.String()
		if f.Kind == catalogue.List {
			kind += " of " + f.Of.String()
		}
		doc := f.Doc
		if f.Enum != nil {
			doc += " (" + strings.Join(f.Enum, ", ") + ")"
		}
		w.AppendRow(table.Row{indent + f.Name, kind, must, doc})
		appendFields(w, indent+"  ", f.Fields)
	}
}

// plainTable is a table without rules, for terminals and pipes alike.
func plainTable(out io.Writer) table.Writer {
	w := table.NewWriter()
	w.SetOutputMirror(out)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft = ""
	style.Box.PaddingRight = "  "
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	if out == io.Writer(os.Stdout) {
		w.SetColumnConfigs([]table.ColumnConfig{{Name: "MEANING", WidthMax: 72}})
	}
	return w
}
