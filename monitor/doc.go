// Package monitor is the state machine of a database's access to its key: from (result of a check, time) to (state, events). It knows
// no network, no engine and no clock; whoever runs checks calls it with what they found and when.
//
//	                 refused, not confirmed            confirmed, or Revoke
//	Online  ------------------------------> Suspect -------------------------> Inaccessible
//	  ^  <---------------------------------   |                                 |      |
//	  |        granted                                                granted   |      | refused when the window is over
//	  |<------------------------------------------------------------------------'      v
//	  |<---------------------- granted -- Revalidating <-- Revalidate -- NeedsRevalidation
//	                                          '--- refused, no answer: back to where it was
//
// Refusal and outage are different. A refusal is an answer: the key store says that the key is gone, disabled or not ours to use. It is acted upon
// when it was seen Profile.Tries times in a row over at least Profile.Over, because key stores are known to have answered with false refusals for minutes.
// An outage is no answer. It never closes a database that is open, never confirms a refusal, and never uses up the window; State then stays what it was, and
// Status.Outage says since when there is no answer. A database that could not be opened because of an outage at start-up is Inaccessible with that cause and
// heals for ever.
//
// While a database is Inaccessible it heals by itself at the first granted check within Profile.Window; afterwards it wants Revalidate. Without a window it
// heals for ever. Nothing but the state changes in any of these transitions: settings and history of the database are not the monitor's to lose.
//
// Names, statuses and descriptions of events are those of the activity log of Azure SQL ("Common errors for transparent data encryption with customer-managed
// keys in Azure Key Vault", section "Getting TDE status from the Activity log"), so that alert rules written for it match.
package monitor
