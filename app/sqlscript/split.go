package sqlscript

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// MaxRepeat bounds the number behind GO.
const MaxRepeat = 1_000_000

// Batch is what is sent to the server at once.
type Batch struct {
	Text   string // without the line of GO
	Line   int    // of the script, where Text begins; 1 is the first
	Repeat int    // how often it is run; 1 without a number behind GO
}

// Split cuts a script into batches; empty ones (blanks only) are left out.
func Split(script string) ([]Batch, error) {
	s := Splitter{}
	var out []Batch
	for _, line := range strings.SplitAfter(script, "\n") {
		b, err := s.Add(line)
		if err != nil {
			return nil, err
		}
		if b != nil {
			out = append(out, *b)
		}
	}
	if b := s.Rest(); b != nil {
		out = append(out, *b)
	}
	return out, nil
}

// Splitter is Split for lines that arrive one by one. The zero value is ready.
type Splitter struct {
	text    strings.Builder
	lines   int  // seen so far
	start   int  // line where text begins
	quote   byte // ', ] or " while inside a quoted text that goes on in the next line
	comment int  // depth of block comments
}

// Add takes a line with its end. If it is a GO, the batch before it is returned, nil if that was empty.
func (s *Splitter) Add(line string) (*Batch, error) {
	s.lines++
	if s.Inside() {
		s.keep(line)
		return nil, nil
	}
	repeat, isGo, err := separator(line)
	switch {
	case err != nil:
		return nil, fmt.Errorf("line %d: %w", s.lines, err)
	case isGo:
		b := s.Rest()
		if b != nil {
			b.Repeat = repeat
		}
		return b, nil
	}
	s.keep(line)
	return nil, nil
}

// Inside reports whether the next line begins within a comment or a quoted text.
func (s *Splitter) Inside() bool { return s.quote != 0 || s.comment > 0 }

// Empty reports whether nothing is gathered.
func (s *Splitter) Empty() bool { return strings.TrimSpace(s.text.String()) == "" }

// Rest ends the batch that is being gathered and returns it, nil if it is empty.
func (s *Splitter) Rest() *Batch {
	text := s.text.String()
	line := s.start
	s.text.Reset()
	s.start, s.quote, s.comment = 0, 0, 0
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return &Batch{Text: text, Line: line, Repeat: 1}
}

func (s *Splitter) keep(line string) {
	if s.text.Len() == 0 {
		s.start = s.lines
	}
	s.text.WriteString(line)
	for i := 0; i < len(line); i++ {
		c := line[i]
		two := line[i:min(i+2, len(line))]
		switch {
		case s.comment > 0:
			if two == "*/" {
				s.comment--
				i++
			} else if two == "/*" {
				s.comment++
				i++
			}
		case s.quote != 0:
			if c == s.quote {
				if i+1 < len(line) && line[i+1] == s.quote {
					i++ // doubled
				} else {
					s.quote = 0
				}
			}
		case two == "--":
			return
		case two == "/*":
			s.comment++
			i++
		case c == '\'' || c == '"':
			s.quote = c
		case c == '[':
			s.quote = ']'
		}
	}
}

// separator tells whether a line is GO, perhaps with a number and a comment behind it.
func separator(line string) (repeat int, ok bool, err error) {
	if i := strings.Index(line, "--"); i >= 0 {
		line = line[:i]
	}
	words := strings.Fields(line)
	if len(words) == 0 || !strings.EqualFold(strings.TrimSuffix(words[0], ";"), "GO") {
		return 0, false, nil
	}
	switch len(words) {
	case 1:
		return 1, true, nil
	case 2:
		n, err := strconv.Atoi(words[1])
		if err == nil && n >= 0 && n <= MaxRepeat {
			return n, true, nil
		}
		if err == nil {
			return 0, false, fmt.Errorf("GO %s: the number is at most %d", words[1], MaxRepeat)
		}
	}
	return 0, false, fmt.Errorf("GO takes one number, not %q", strings.Join(words[1:], " "))
}

// FromUTF16 decodes a script that begins with a byte order mark of UTF-16, as SQL Server's tools save them.
func FromUTF16(b []byte) string {
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 0xfe {
		order = binary.BigEndian
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		units = append(units, order.Uint16(b[i:]))
	}
	return string(utf16.Decode(units))
}
