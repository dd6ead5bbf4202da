// Package sources reads the files agencies and publishers really have and says
// them as events of the catalogue.
//
// It is for the command `civicledger import`, for the demonstration and for
// tests on public data. A source streams: it holds one row at a time and a
// fingerprint of each row's id (draw notices, which are one small JSON
// document, are held whole). It refuses to guess: a row is one event or more,
// or an error that names line, column and cure; nothing is dropped in silence
// and no sum is rounded. Ids are made of what a row says, or of the
// publisher's own number, and times of the dates in the file, so the same rows
// always give the same bytes, whatever the file is called. It refuses to put a natural person's name
// on a log: see organisationName.
//
// Formats: FORMATS.md beside this file. Nothing here reads the network.
package sources
