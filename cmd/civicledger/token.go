package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"civicledger/events/ident"
	"civicledger/ledger/keys"
)

// kindResident is the kind of token whose ids are checked before use.
const kindResident = "resident"

// newTokenCommand returns the command that makes tokens of natural persons.
func newTokenCommand() *cobra.Command {
	var path, kind string
	var epoch uint32
	cmd := &cobra.Command{
		Use:   "token --key FILE [--kind KIND] < IDS",
		Short: "Make the tokens under which persons stand on the log",
		Long: `token reads identity numbers from standard input, one a line, and prints one
token a line: the only name under which a natural person may stand on the log.
Numbers are not taken from the command line, where others can see them.

FILE holds the city key. Who has it can find out who is behind a token, so few
should. --new-epoch N creates FILE with a new key and makes no tokens.

With --kind resident (the default) every number is checked; a line that is no
resident identity number yields "-" and a message with its line number, and the
exit code is 1.`,
		Example: `  civicledger token --key city.key --new-epoch 1
  civicledger token --key city.key < ids.txt > tokens.txt
  civicledger token --key city.key --kind household < households.txt`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if epoch != 0 {
				return createCityKey(path, epoch)
			}
			key, err := readCityKey(path)
			if err != nil {
				return err
			}
			return writeTokens(cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr(), key, kind)
		},
	}
	f := cmd.Flags()
	f.StringVar(&path, "key", "", "file of the city key")
	f.StringVar(&kind, "kind", kindResident, "what the ids are: resident, household, account, …")
	f.Uint32Var(&epoch, "new-epoch", 0, "create the file with a new key of this epoch")
	require(cmd, "key")
	return cmd
}

// createCityKey writes a new key to a file that did not exist and that only its
// owner can read.
func createCityKey(path string, epoch uint32) error {
	key, err := ident.NewCityKey(epoch)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if err := keys.WriteNew(path, []byte(key.Text())); err != nil {
		return fmt.Errorf("token: create the city key: %w", err)
	}
	return nil
}

func readCityKey(path string) (ident.CityKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return ident.CityKey{}, fmt.Errorf("token: read the city key: %w", err)
	}
	if mode := info.Mode(); !mode.IsRegular() || mode.Perm()&0o077 != 0 {
		return ident.CityKey{}, fmt.Errorf("token: %s can be read by others (mode %04o): run chmod 600 %s, or make a new epoch", path, mode.Perm(), path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return ident.CityKey{}, fmt.Errorf("token: read the city key: %w", err)
	}
	key, err := ident.ParseCityKey(string(text))
	if err != nil {
		return ident.CityKey{}, fmt.Errorf("token: %s: %w", path, err)
	}
	return key, nil
}

// writeTokens answers each line with one line. It never repeats what it read.
func writeTokens(in io.Reader, out, warn io.Writer, key ident.CityKey, kind string) error {
	lines := bufio.NewScanner(in)
	tokens := bufio.NewWriter(out)
	line, bad := 0, 0
	for lines.Scan() {
		line++
		id := strings.TrimSpace(lines.Text())
		token, err := key.Token(kind, id)
		if errors.Is(err, ident.ErrKind) {
			return fmt.Errorf("token: %w", err)
		}
		if err == nil && kind == kindResident && !ident.ValidResidentID(id) {
			err = errors.New("not a resident identity number")
		}
		if err != nil {
			bad++
			token = "-"
			fmt.Fprintf(warn, "line %d: %v\n", line, err)
		}
		fmt.Fprintln(tokens, token)
	}
	if err := errors.Join(lines.Err(), tokens.Flush()); err != nil {
		return fmt.Errorf("token: after line %d: %w", line, err)
	}
	if bad > 0 {
		return badNews("%d of %d lines gave no token", bad, line)
	}
	return nil
}
