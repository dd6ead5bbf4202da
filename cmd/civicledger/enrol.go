package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
	"civicledger/ledger/suite"
)

// enrolment is what enrol says about an agency.
type enrolment struct {
	agency, name, source string
	jurisdictions, types []string
	keyFile              string
}

func newEnrolCommand() *cobra.Command {
	var data, bus string
	var e enrolment
	cmd := &cobra.Command{
		Use:   "enrol --data DIR --agency NAME --name TEXT --jurisdiction CODE --key FILE",
		Short: "Enrol an agency, or change what it may say",
		Long: `Says agency.enrolled over the bus, signed with the operator's key in DIR/keys.
FILE is the agency's private key; it is created if absent. Said again for the same
agency and key it changes the agency's name, types, jurisdictions and source from
then on.`,
		Example: `  civicledger enrol --data ./data --agency haidian-mzj --name 海淀区民政局 \
      --jurisdiction 110108 --types 'subsidy.*,fund.*' --key haidian.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			receipt, err := e.say(cmd.Context(), datadir.Dir(data), bus)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "enrolled %s at index %d\n", e.agency, receipt.First)
			fmt.Fprintf(cmd.OutOrStdout(), "%s\n", receipt.Encode())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "directory of the ledger, for the operator's key")
	f.StringVar(&bus, "bus", defaultBusURL, "address of the bus")
	f.StringVar(&e.agency, "agency", "", "name in subjects and headers: a-z, 0-9, -")
	f.StringVar(&e.name, "name", "", "name for people")
	f.StringSliceVar(&e.jurisdictions, "jurisdiction", nil, "codes it speaks for: GB/T 2260 (110108), ISO 3166 (US-GA), or *")
	f.StringVar(&e.keyFile, "key", "", "file with the agency's private key")
	f.StringSliceVar(&e.types, "types", []string{"*"}, "event types it may say: *, a family such as subsidy.*, or a type")
	f.StringVar(&e.source, "source", "", "URI that all its event sources lie under (default urn:civicledger:agency:NAME)")
	for _, name := range []string{"data", "agency", "name", "jurisdiction", "key"} {
		must(cmd.MarkFlagRequired(name))
	}
	return cmd
}

// say sends the enrolment and waits for its receipt.
func (e *enrolment) say(ctx context.Context, dir datadir.Dir, bus string) (*chain.Receipt, error) {
	operator, logKey, err := dir.Operator()
	if err != nil {
		return nil, err
	}
	key, err := loadOrCreateKey(e.keyFile, operator.Suite())
	if err != nil {
		return nil, err
	}
	line, err := e.line(logKey.Name(), key)
	if err != nil {
		return nil, err
	}
	return submitOne(ctx, bus, operator, logKey.Name(), chain.Operator, [][]byte{line})
}

// line is the agency.enrolled event.
func (e *enrolment) line(origin string, key *keys.Key) ([]byte, error) {
	if err := chain.CheckAgency(e.agency); err != nil {
		return nil, err
	}
	proof, err := key.ProveEnrolment(origin, e.agency)
	if err != nil {
		return nil, err
	}
	return datadir.SystemLine(origin, roster.AgencyEnrolled, roster.Enrolled{
		Agency: e.agency, Name: e.name, Types: e.types, Jurisdictions: e.jurisdictions,
		Source: orText(e.source, "urn:civicledger:agency:"+e.agency),
		Key:    key.Public(), Proof: proof,
	})
}

func orText(text, or string) string {
	if text == "" {
		return or
	}
	return text
}

func loadOrCreateKey(path string, s *suite.Suite) (*keys.Key, error) {
	key, err := keys.Load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return keys.Create(path, s)
	}
	return key, err
}
