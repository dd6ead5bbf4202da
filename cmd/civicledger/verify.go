package main

import (
	"github.com/spf13/cobra"

	"civicledger/cmd/internal/auditor"
)

// newVerifyCommand is civicverify under the name of the ledger's own binary.
func newVerifyCommand() *cobra.Command {
	var q auditor.Request
	c := &cobra.Command{
		Use:     "verify (--data DIR | --url URL | --dir DIR) --key VERIFIER-KEY",
		Short:   "Verify a whole log: entries, links, signatures, rights, checkpoint",
		Long:    auditor.Usage,
		Example: "  civicledger verify --data ./data --key ./data/log.pub",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if code := auditor.Command(c.Context(), q, c.OutOrStdout(), c.ErrOrStderr()); code != 0 {
				return &exitError{code: code}
			}
			return nil
		},
	}
	c.Flags().StringVar(&q.Data, "data", "", "data directory of a ledger: stopped, copied, or live")
	c.Flags().StringVar(&q.URL, "url", "", "base URL of a server that shows its log (C2SP tlog-tiles)")
	c.Flags().StringVar(&q.Dir, "dir", "", "directory of a server's paths as static files")
	c.Flags().StringVar(&q.State, "state", "", "file that keeps the last checkpoint seen, to notice a rewind or a fork")
	c.Flags().StringVar(&q.Key, "key", "", "the ledger's verifier key, or a file that holds it")
	c.Flags().BoolVar(&q.Careful, "careful", false, "judge every entry by itself, without short cuts: the same answer, later")
	c.Flags().BoolVar(&q.JSON, "json", false, "report as versioned JSON")
	return c
}
