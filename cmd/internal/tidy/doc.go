// Package tidy holds the tests about the code itself: for whoever changes this
// repository, so that its shape is kept by a machine and not by memory.
//
// It enforces the import law, one home for each third-party module, the list at
// the top level, package comments, the size budgets, the vocabulary, the list of
// what the auditor's binary links, and that nothing of one machine or one
// evening (paths, notes to self, sleeping tests) stays behind.
//
// Every check is a function from parsed files to problems, and is itself tried
// on small bad examples, so that it is known to be able to fail. A problem names
// its file and line and the cure. Exceptions are tables with a limit and a
// reason; an exception that is no longer needed fails too.
//
// The package has no code of its own beside its tests and refuses to judge
// style that gofumpt and staticcheck judge already (see `make check`).
package tidy
