// Package supervision answers supervisors' questions: who was paid what, who
// is on a list and why, what looks wrong, and on which entries each answer
// rests.
//
// It is for the doors people and machines ask through (httpapi, later the
// console). Every answer is taken from one view of the projections, or from
// the log itself, and says as of which entry and under which checkpoint it is
// true. It refuses to guess: what the log does not say is absent, a name that
// is not known is an error with a cure. It writes nothing and keeps nothing.
package supervision
