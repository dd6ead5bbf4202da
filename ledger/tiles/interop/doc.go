// Package interop holds the test in which tools that we did not write read our
// log: Tessera's tlog-tiles client and its fsck, as they are published.
//
// It is a module of its own, so that nothing of theirs enters the ledger's
// go.mod, and it knows the ledger only as any reader does: by the built
// binary, its HTTP server and its exported files. `make interop` runs it; the
// modules come from the module cache or the proxy.
package interop
