package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"civicledger/cmd/internal/datadir"
	"civicledger/events/bus"
	"civicledger/ledger/chain"
	"civicledger/ledger/keys"
	"civicledger/ledger/roster"
)

// enrolment is what enrol says about an agency.
type enrolment struct {
	agency, name, source string
	jurisdictions, types []string
	keyFile              string
}

func newEnrolCommand() *cobra.Command {
	var data, busURL string
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
			receipt, err := e.say(cmd.Context(), datadir.Dir(data), busURL)
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
	f.StringVar(&busURL, "bus", defaultBusURL, "address of the bus")
	f.StringVar(&e.agency, "agency", "", "name in subjects and headers: a-z, 0-9, -")
	f.StringVar(&e.name, "name", "", "name for people")
	f.StringSliceVar(&e.jurisdictions, "jurisdiction", nil, "codes it speaks for: GB/T 2260 (110108), ISO 3166 (US-GA), or *")
	f.StringVar(&e.keyFile, "key", "", "file with the agency's private key")
	f.StringSliceVar(&e.types, "types", []string{"*"}, "event types it may say: *, a family such as subsidy.*, or a type")
	f.StringVar(&e.source, "source", "", "URI that all its event sources lie under (default urn:civicledger:agency:NAME)")
	require(cmd, "data", "agency", "name", "jurisdiction", "key")
	return cmd
}

// say sends the enrolment and waits for its receipt.
func (e *enrolment) say(ctx context.Context, dir datadir.Dir, url string) (*chain.Receipt, error) {
	operator, logKey, err := dir.Operator()
	if err != nil {
		return nil, err
	}
	sub, _, err := e.signed(operator, logKey.Name())
	if err != nil {
		return nil, err
	}
	client, err := bus.Dial(ctx, url, bus.ClientConfig{Origin: logKey.Name()})
	if err != nil {
		return nil, fmt.Errorf("bus %s: %w", url, err)
	}
	defer client.Close()
	receipt, err := client.Submit(ctx, sub)
	var refusal *bus.Refusal
	if errors.As(err, &refusal) {
		return nil, badNews("%v", refusal)
	}
	return receipt, err
}

// signed is the submission of the agency.enrolled event, and the agency's key, which
// is made if it is not there.
func (e *enrolment) signed(operator *keys.Key, origin string) (*chain.Submission, *keys.Key, error) {
	if err := chain.CheckAgency(e.agency); err != nil {
		return nil, nil, err
	}
	key, err := keys.Load(e.keyFile)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = keys.Create(e.keyFile, operator.Suite())
	}
	if err != nil {
		return nil, nil, err
	}
	proof, err := key.ProveEnrolment(origin, e.agency)
	if err != nil {
		return nil, nil, err
	}
	line, err := datadir.SystemLine(origin, roster.AgencyEnrolled, roster.Enrolled{
		Agency: e.agency, Name: e.name, Types: e.types, Jurisdictions: e.jurisdictions,
		Source: cmp.Or(e.source, "urn:civicledger:agency:"+e.agency),
		Key:    key.Public(), Proof: proof,
	})
	if err != nil {
		return nil, nil, err
	}
	sub, err := operator.SignSubmission(origin, chain.Operator, [][]byte{line})
	return sub, key, err
}
