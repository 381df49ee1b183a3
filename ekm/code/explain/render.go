package explain

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"latchkey/ekm/code"
)

const width = 80

// Text writes the answer for people, in lines of at most 80 characters where words and commands allow.
func (a *Answer) Text(w io.Writer) error {
	var b strings.Builder
	blank := func() {
		if b.Len() > 0 {
			b.WriteString("\n")
		}
	}
	for _, p := range a.Pairs {
		blank()
		fmt.Fprintf(&b, "%s with provider code %s\n", p.Message.String(), p.Provider.String())
		section(&b, "What happened", "    ", p.Meaning)
		section(&b, "What to do", "    ", p.Remedy)
	}
	for _, e := range a.Entries {
		blank()
		entry(&b, e)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func entry(b *strings.Builder, e code.Entry) {
	fmt.Fprintf(b, "%s  %s\n", e.Code.String(), e.Symbol)
	b.WriteString(kind(e) + "\n")
	if len(e.Also) > 0 {
		section(b, "Also spelt", "    ", strings.Join(e.Also, ", "))
	}
	if e.Text != "" {
		section(b, "Its text", "    ", e.Text)
	}
	section(b, "What happened", "    ", e.Meaning)
	if len(e.Causes) > 0 {
		b.WriteString("\n  Likely causes\n")
		for i, c := range e.Causes {
			wrap(b, fmt.Sprintf("    %d. ", i+1), "       ", c)
		}
	}
	section(b, "What to do", "    ", e.Remedy)
	if s := Behaviour(e); s != "" {
		section(b, "Repeating and waiting", "    ", s)
	}
	if e.Twin != 0 {
		section(b, "Same meaning", "    ", twin(e))
	}
	if len(e.With) > 0 {
		section(b, with(e), "    ", join(e.With))
	}
	if e.Never != "" {
		section(b, "With Latchkey", "    ", "cannot occur here because "+e.Never)
	}
}

func kind(e code.Entry) string {
	switch e.Code.Space() {
	case code.SQL:
		s := fmt.Sprintf("SQL Server message, severity %d", e.Severity)
		if e.State > 1 {
			s += fmt.Sprintf(", state %d", e.State)
		}
		switch {
		case e.Log:
			s += ", in the error log"
		case e.Severity <= 10:
			s += ", information"
		}
		return s
	case code.Latchkey:
		return "Latchkey"
	default:
		return "SQL Server connector code"
	}
}

// Behaviour says in sentences whether repeating or waiting helps; it is empty for what is only information.
func Behaviour(e code.Entry) string {
	if e.Code == code.Success || e.Code == code.AKVSuccess || e.Code.Space() == code.SQL && e.Severity <= 10 && !e.Retry && !e.Heals {
		return ""
	}
	retry := "Repeating it unchanged does not help."
	if e.Retry {
		retry = "Repeating the same call is safe and may help."
	}
	if e.Heals {
		return retry + " It goes away by itself once its cause is gone; Latchkey needs no restart."
	}
	return retry + " Waiting does not help either: it stays until the above is done."
}

func twin(e code.Entry) string {
	if e.Twin > e.Code {
		return e.Twin.String() + " is the newer number"
	}
	return e.Twin.String() + " is the older number"
}

func with(e code.Entry) string {
	if e.Code.Space() == code.SQL {
		return "Provider codes that come with it"
	}
	return "Messages that come with it"
}

func join(codes []code.Code) string {
	s := make([]string, len(codes))
	for i, c := range codes {
		s[i] = c.String()
	}
	return strings.Join(s, ", ")
}

func section(b *strings.Builder, title, indent, text string) {
	b.WriteString("\n  " + title + "\n")
	wrap(b, indent, indent, text)
}

// pieces cuts a text at blanks, but never inside backquotes: a command stays on one line, so that it can be copied.
func pieces(text string) []string {
	var words []string
	start, quoted := 0, false
	for i := range len(text) {
		switch {
		case text[i] == '`':
			quoted = !quoted
		case text[i] == ' ' && !quoted:
			words, start = append(words, text[start:i]), i+1
		}
	}
	return append(words, text[start:])
}

func wrap(b *strings.Builder, first, rest, text string) {
	line, n := first, utf8.RuneCountInString(first)
	empty := true
	for _, word := range pieces(text) {
		l := utf8.RuneCountInString(word)
		if !empty && n+1+l > width {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
			line, n, empty = rest, utf8.RuneCountInString(rest), true
		}
		if !empty {
			line, n = line+" ", n+1
		}
		line, n, empty = line+word, n+l, false
	}
	b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// The JSON form. Its names are a contract; members are only ever added.
type (
	jsonAnswer struct {
		Pairs []jsonPair  `json:"pairs,omitempty"`
		Codes []jsonEntry `json:"codes"`
	}
	jsonPair struct {
		Message  int    `json:"message"`
		Provider int    `json:"provider"`
		Meaning  string `json:"meaning"`
		Remedy   string `json:"remedy"`
	}
	jsonEntry struct {
		Code      string   `json:"code"`
		Number    int      `json:"number"`
		Space     string   `json:"space"` // provider, sql, latchkey
		Symbol    string   `json:"symbol"`
		Also      []string `json:"also,omitempty"`
		Meaning   string   `json:"meaning"`
		Causes    []string `json:"causes"`
		Remedy    string   `json:"remedy"`
		SafeRetry bool     `json:"safe_to_retry"`
		Heals     bool     `json:"heals"`
		Twin      string   `json:"twin,omitempty"`
		Never     string   `json:"never,omitempty"`
		With      []string `json:"with,omitempty"`
		Severity  int      `json:"severity,omitempty"`
		State     int      `json:"state,omitempty"`
		Text      string   `json:"text,omitempty"`
		Log       bool     `json:"log,omitempty"`
	}
)

// JSON writes the answer for programs: an object with "codes" and, where there are any, "pairs".
func (a *Answer) JSON(w io.Writer) error {
	out := jsonAnswer{Codes: []jsonEntry{}}
	for _, p := range a.Pairs {
		out.Pairs = append(out.Pairs, jsonPair{p.Message.Number(), p.Provider.Number(), p.Meaning, p.Remedy})
	}
	for _, e := range a.Entries {
		j := jsonEntry{
			Code: e.Code.String(), Number: e.Code.Number(), Symbol: e.Symbol, Also: e.Also, Meaning: e.Meaning,
			Causes: append([]string{}, e.Causes...), Remedy: e.Remedy, SafeRetry: e.Retry, Heals: e.Heals, Never: e.Never,
			Severity: e.Severity, State: e.State, Text: e.Text, Log: e.Log,
		}
		switch e.Code.Space() {
		case code.SQL:
			j.Space = "sql"
		case code.Latchkey:
			j.Space = "latchkey"
		default:
			j.Space = "provider"
		}
		if e.Twin != 0 {
			j.Twin = e.Twin.String()
		}
		for _, c := range e.With {
			j.With = append(j.With, c.String())
		}
		out.Codes = append(out.Codes, j)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("writing the explanation: %w", err)
	}
	return nil
}
