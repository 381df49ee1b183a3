// Package expiry warns before client secrets, certificates and keys end.
//
// [Open] a Tracker on the file of what was told before, hand it what somebody saw with [Tracker.See], and [Tracker.Run] it. At each of
// Config.Stages before an end it makes one record for the activity log, then one when it ended, and one when something else took its
// place. Of several stages that passed while nobody looked the last is told alone.
//
// What was told is stored, durably, before it is told: a restart repeats nothing. A crash between the two loses that one warning, and the
// next stage comes. A file that does not read is set aside, and what is due is told again.
//
// Where the dates come from is the caller's: a certificate's own file, a key's attributes, a date of a client secret that a person wrote into the
// configuration, since no API of the directory tells it to who only has the secret. Nothing here asks anybody.
package expiry
