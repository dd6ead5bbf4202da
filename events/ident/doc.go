// Package ident checks and normalises identifiers: organisation codes and
// names, jurisdictions, months, tokens that stand for natural persons.
//
// It is for the catalogue, for importers and for projections. It refuses to
// hold personal identifiers: it only recognises them, so that others can
// refuse them.
//
// Specs: GB 32100-2015 and GB 11714-1997 (organisation codes), GB 11643-1999
// (resident identity numbers), GB/T 2260 (divisions), ISO 3166-2, RFC 4648.
package ident
