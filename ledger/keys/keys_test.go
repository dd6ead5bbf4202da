package keys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"civicledger/ledger/chain"
	"civicledger/ledger/suite"
)

const (
	origin = "ledger.example.org/synthetic"
	vector = "civicledger private key v1 sha256-ed25519 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo= nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n"
)

func mustCreate(t testing.TB) (*Key, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "agency.key")
	k, err := Create(path, suite.Default())
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func mustWrite(t testing.TB, data string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.key")
	if err := os.WriteFile(path, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad_Vector(t *testing.T) {
	k, err := Load(mustWrite(t, vector, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	public := "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
	if got := hex.EncodeToString(k.Public()); got != public {
		t.Errorf("public key %s, want %s", got, public)
	}
	// RFC 8032, section 7.1, test 1: the empty message.
	sig := "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
	if got := hex.EncodeToString(k.Sign(nil)); got != sig {
		t.Errorf("signature %s, want %s", got, sig)
	}
	if k.ID() != chain.KeyID(suite.Default(), k.Public()) {
		t.Errorf("id %s is not chain.KeyID", k.ID())
	}
}

func TestFormat_DescribesTheVector(t *testing.T) {
	doc, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(doc, []byte("    "+vector)) {
		t.Error("FORMAT.md does not show the vector that Load reads")
	}
}

func TestCreate_LoadsAgain(t *testing.T) {
	k, path := mustCreate(t)
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.ID() != k.ID() || !bytes.Equal(got.Public(), k.Public()) {
		t.Errorf("loaded key %s, created %s", got.ID(), k.ID())
	}
	text := []byte("civicledger test v1\n")
	if !got.Suite().Verify(k.Public(), text, got.Sign(text)) {
		t.Error("the loaded key's signature does not verify under the created key's public key")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("%d files left in the directory, want the key alone", len(names))
	}
}

func TestCreate_NeverOverwrites(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"key": func(path string) error { _, err := Create(path, suite.Default()); return err },
		"log": func(path string) error { _, err := CreateLog(path, origin); return err },
	} {
		path := mustWrite(t, "precious", 0o600)
		if err := make(path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: create over a file: %v, want fs.ErrExist", name, err)
		}
		// A link that points nowhere is in the way just the same.
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(filepath.Join(t.TempDir(), "target"), link); err != nil {
			t.Fatal(err)
		}
		if err := make(link); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: create over a dangling link: %v, want fs.ErrExist", name, err)
		}
		if data, _ := os.ReadFile(path); string(data) != "precious" {
			t.Errorf("%s: the file now holds %q", name, data)
		}
	}
}

func TestCreate_ManyAtOnceMakeOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "one.key")
	results := make(chan error)
	for range 16 {
		go func() { _, err := Create(path, suite.Default()); results <- err }()
	}
	made := 0
	for range 16 {
		switch err := <-results; {
		case err == nil:
			made++
		case !errors.Is(err, fs.ErrExist):
			t.Errorf("create: %v, want fs.ErrExist", err)
		}
	}
	if made != 1 {
		t.Errorf("%d creates succeeded, want 1", made)
	}
	if _, err := Load(path); err != nil {
		t.Error(err)
	}
}

func TestLoad_OpenToOthers(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o620, 0o610, 0o601, 0o777} {
		path := mustWrite(t, vector, mode)
		_, err := Load(path)
		if !errors.Is(err, ErrReadable) || !strings.Contains(err.Error(), "chmod 600 "+path) {
			t.Errorf("mode %04o: %v, want ErrReadable with the cure", mode, err)
		}
		if _, err := LoadLog(path); !errors.Is(err, ErrReadable) {
			t.Errorf("mode %04o: log key: %v, want ErrReadable", mode, err)
		}
	}
	if _, err := Load(mustWrite(t, vector, 0o400)); err != nil {
		t.Errorf("mode 0400: %v, want it read", err)
	}
}

func TestLoad_NotAFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("directory: %v, want ErrFormat", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(pipe); !errors.Is(err, ErrFormat) {
		t.Errorf("pipe: %v, want ErrFormat", err)
	}
	if _, err := Load(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
}

func TestLoad_Attacks(t *testing.T) {
	other, _ := mustCreate(t)
	fields := strings.Fields(vector)
	public, private := fields[5], fields[6]
	edit := func(old, new string) string { return strings.Replace(vector, old, new, 1) }
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"empty":                  {"", ErrFormat},
		"no line feed":           {strings.TrimSuffix(vector, "\n"), ErrFormat},
		"two line feeds":         {vector + "\n", ErrFormat},
		"two keys":               {vector + vector, ErrFormat},
		"carriage return":        {edit("\n", "\r\n"), ErrFormat},
		"cut in private key":     {vector[:len(vector)-9] + "\n", ErrFormat},
		"cut before private key": {edit(" "+private, ""), ErrFormat},
		"next version":           {edit("key v1", "key v2"), ErrFormat},
		"foreign suite":          {edit("sha256-ed25519", "sm3-sm2"), suite.ErrUnknown},
		"two spaces":             {edit("v1 ", "v1  "), ErrFormat},
		"foreign public key":     {edit(public, b64.EncodeToString(other.Public())), ErrFormat},
		"swapped halves":         {edit(public+" "+private, private+" "+public), ErrFormat},
		"private key short":      {edit(private, b64.EncodeToString(other.seed[:31])), ErrFormat},
		"private key long":       {edit(private, b64.EncodeToString(append(other.Public(), 1))), ErrFormat},
		"loose base64 tail":      {edit("f2A=", "f2B="), ErrFormat},
		"huge":                   {vector + strings.Repeat(" ", 5000), ErrFormat},
	} {
		if c.text == vector {
			t.Fatalf("%s: the attack changed nothing", name)
		}
		_, err := Load(mustWrite(t, c.text, 0o600))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), private[:20]) {
			t.Errorf("%s: the error shows the private key: %v", name, err)
		}
	}
}

func TestLoad_EveryFlippedByteIsRefused(t *testing.T) {
	for i := range len(vector) {
		for _, bit := range []byte{0x01, 0x20} {
			text := []byte(vector)
			text[i] ^= bit
			if k, err := decode(text); err == nil {
				t.Fatalf("byte %d flipped by %#x: loaded as key %s", i, bit, k.ID())
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(vector))
	f.Add([]byte("civicledger private key v1 sha256-ed25519 AA== AA==\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if k, err := decode(data); err == nil && !bytes.Equal(k.encode(), data) {
			t.Errorf("%q loads but is written %q", data, k.encode())
		}
	})
}

func TestKey_NeverPrinted(t *testing.T) {
	k, _ := mustCreate(t)
	secrets := []string{
		b64.EncodeToString(k.seed), hex.EncodeToString(k.seed), fmt.Sprintf("%d", k.seed), fmt.Sprintf("%v", k.seed),
		strings.ToUpper(hex.EncodeToString(k.seed)), string(k.seed),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o"} {
		for what, v := range map[string]any{"key": k, "struct": struct{ Key *Key }{k}} {
			got := fmt.Sprintf(verb, v)
			for _, secret := range secrets {
				if strings.Contains(got, secret) {
					t.Errorf("%s of a %s shows the private key: %s", verb, what, got)
				}
			}
		}
	}
}
