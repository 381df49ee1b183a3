package code

// Our own codes. LK10xx vault, LK11xx token authority, LK12xx audit, LK13xx storage and sealing, LK14xx command line and
// configuration, LK15xx encrypted databases, LK16xx connector and map. Add at the end of a range; never reuse a number.
const (
	lk = Code(Latchkey) << spaceShift

	// ConfigInvalid is a setting or a flag that cannot be used.
	ConfigInvalid = lk + 1401
)

func catalogueLatchkey() []Entry {
	return []Entry{
		{
			Code: ConfigInvalid, Symbol: "ConfigInvalid",
			Meaning: "A setting or a flag has a value that cannot be used; nothing was started or changed.",
			Causes:  []string{"a misspelt name", "a value of the wrong form", "two settings that exclude each other"},
			Remedy:  "Correct the setting that the message names and start again.",
		},
	}
}
