package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"civicledger/events"
	"civicledger/events/catalogue"
)

// runCommand runs one command with its input and returns what it printed.
func runCommand(cmd *cobra.Command, in string, args ...string) (out, warn string, err error) {
	var o, w bytes.Buffer
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&o)
	cmd.SetErr(&w)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return o.String(), w.String(), err
}

func TestSchemaCommand_ListsEveryType(t *testing.T) {
	out, _, err := runCommand(newSchemaCommand(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range catalogue.Types() {
		if !strings.Contains(out, typ.Name) || !strings.Contains(out, typ.TitleZH) {
			t.Errorf("the list lacks %s", typ.Name)
		}
	}
}

func TestSchemaCommand_PrintsSchemaAndExample(t *testing.T) {
	for _, name := range []string{"subsidy.paid.v1", "subsidy.paid"} {
		out, _, err := runCommand(newSchemaCommand(), "", name)
		var doc map[string]any
		if err != nil || json.Unmarshal([]byte(out), &doc) != nil || doc["$id"] != catalogue.SchemaID("subsidy.paid.v1") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	out, _, err := runCommand(newSchemaCommand(), "", "kin.filed", "--example")
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := events.Parse([]byte(strings.TrimSuffix(out, "\n"))); problems != nil {
		t.Errorf("the example is refused: %v", problems)
	}
	if out, _, err = runCommand(newSchemaCommand(), "", "charity.goods.issued", "--fields"); err != nil || !strings.Contains(out, "quantityMilli") {
		t.Errorf("--fields: %v\n%s", err, out)
	}
	if _, _, err = runCommand(newSchemaCommand(), "", "subsidy.payed"); err == nil {
		t.Error("printed a type that is none")
	}
}
