package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"latchkey/ekm/code"
)

// Text prints a line per hop with its evidence below, and what is wrong at the end.
func (r *Report) Text(out io.Writer) error {
	var b strings.Builder
	for _, h := range r.Hops {
		mark := map[Status]string{OK: "ok", Failed: "FAILED", Skipped: "-", Pending: "not reached"}[h.Status]
		took := ""
		if h.Status == OK || h.Status == Failed {
			took = h.Duration.Round(100 * time.Microsecond).String()
		}
		fmt.Fprintf(&b, "%-10s %-11s %s\n", h.Name, mark, took)
		for _, e := range h.Evidence {
			fmt.Fprintf(&b, "             %s\n", e)
		}
	}
	if h := r.Broken(); h != nil {
		fmt.Fprintf(&b, "\nthe first broken hop is %q: %v\n", h.Name, h.Err)
		if e, ok := code.Lookup(h.Code); ok {
			fmt.Fprintf(&b, "meaning: %s\n", e.Meaning)
			for _, c := range e.Causes {
				fmt.Fprintf(&b, "likely: %s\n", c)
			}
			fmt.Fprintf(&b, "remedy: %s\n", e.Remedy)
		}
		fmt.Fprintf(&b, "next: %s\n", h.Next)
	} else {
		fmt.Fprintf(&b, "\nevery hop to %s works\n", r.Vault)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// JSON prints the report as one object; durations are milliseconds. Members are only ever added.
func (r *Report) JSON(out io.Writer) error {
	type hop struct {
		Name     string   `json:"name"`
		Status   Status   `json:"status"`
		Millis   float64  `json:"ms"`
		Evidence []string `json:"evidence,omitempty"`
		Code     string   `json:"code,omitempty"`
		Symbol   string   `json:"symbol,omitempty"`
		Error    string   `json:"error,omitempty"`
		Remedy   string   `json:"remedy,omitempty"`
		Next     string   `json:"next,omitempty"`
	}
	doc := struct {
		Vault  string `json:"vault"`
		Who    string `json:"identity"`
		OK     bool   `json:"ok"`
		Broken string `json:"broken,omitempty"`
		Hops   []hop  `json:"hops"`
	}{Vault: r.Vault, Who: r.Who, OK: r.Broken() == nil}
	if h := r.Broken(); h != nil {
		doc.Broken = h.Name
	}
	for _, h := range r.Hops {
		j := hop{Name: h.Name, Status: h.Status, Millis: float64(h.Duration.Microseconds()) / 1000, Evidence: h.Evidence, Next: h.Next}
		if h.Err != nil {
			j.Code, j.Error = h.Code.String(), h.Err.Error()
			if e, ok := code.Lookup(h.Code); ok {
				j.Symbol, j.Remedy = e.Symbol, e.Remedy
			}
		}
		doc.Hops = append(doc.Hops, j)
	}
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // commands in remedies are to be copied
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
