package code

import "slices"

// Entry is what the catalogue knows of a code. Every text is a plain sentence or two of ours; none ends in a line break.
type Entry struct {
	Code    Code
	Symbol  string   // one word, as in the published table where there is one
	Also    []string // other spellings of the symbol that a search should find
	Meaning string   // what happened, one or two sentences
	Causes  []string // likely ones, most likely first
	Remedy  string   // what to do: the next command, path or role
	Retry   bool     // repeating the same call is safe and may help
	Heals   bool     // it goes away by itself once the cause does; nothing needs to be restarted
	Twin    Code     // the same meaning under an older or newer number; 0 if none
	Never   string   // why this implementation cannot produce it; "" if it can
	With    []Code   // what it usually comes with: a message's provider codes, a provider code's messages

	// The rest is of SQL Server's messages only.

	Severity int    // class on the wire; 10 and below is information
	State    int    // as seen in the field; 1 where nothing else is known
	Text     string // the template, with the server's own %-verbs; "" if it is not known
	Log      bool   // it goes to the error log, not to the client
}

func (e *Entry) clone() Entry {
	c := *e
	c.Also, c.Causes, c.With = slices.Clone(e.Also), slices.Clone(e.Causes), slices.Clone(e.With)
	return c
}

// Pair is a message of SQL Server and the provider's code in its text, when the two together say more than each alone.
type Pair struct {
	Message  Code // in the SQL space
	Provider Code // in the provider's space
	Meaning  string
	Remedy   string
}
