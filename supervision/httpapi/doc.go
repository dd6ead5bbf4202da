// Package httpapi serves supervisors' questions as JSON over HTTP.
//
// It is for other systems, for `civicledger query` and for people with curl.
// Every route is a GET: nothing can be said through this door, only asked.
// Every answer names the entry and the checkpoint it rests on; every refusal
// is an RFC 9457 problem that names the parameter and the cure. It refuses
// parameters it does not know or gets twice, rather than answer another
// question than the one that was asked. It does not decide who may ask: until
// supervision/access does, the server listens on loopback only.
//
// Specs: OpenAPI 3.1 (at /openapi.json), RFC 9457, C2SP tlog-checkpoint (in
// asOf). DESIGN.md beside this file has the table of routes.
package httpapi
