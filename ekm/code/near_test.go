package code_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm/code"
)

func labels(es []code.Entry) []string {
	out := []string{}
	for _, e := range es {
		out = append(out, e.Code.String())
	}
	return out
}

func TestFind(t *testing.T) {
	for query, want := range map[string][]string{
		"2058":                          {"2058"},
		" 2058. ":                       {"2058"},
		"0":                             {"0"},
		"007":                           {"7"},
		"Msg 33049":                     {"Msg 33049"},
		"msg33049":                      {"Msg 33049"},
		"Provider error code: 2058":     {"2058"},
		"error 3303":                    {"3303"},
		"3013":                          {"3013", "Msg 3013"},
		"Msg 3013":                      {"Msg 3013"},
		"provider 3013":                 {"3013"},
		"LK1401":                        {"LK1401"},
		"lk 1401":                       {"LK1401"},
		"1401":                          {"LK1401"},
		"0x80A":                         {"2058"},
		"0xC000080A":                    {"2058"},
		"0xC0000005":                    {},
		"scp_err_FailureInRegistry":     {"2058"},
		"failureinregistry":             {"2058"},
		"ErrorHttpSendRequest":          {"3106", "3008"},
		"HTTPSendRequest":               {"3106", "3008"},
		"code.HTTPSendRequest":          {"3106", "3008"},
		"ErrorGetAADDomainUrlMalformed": {"3203"},
		"ConfigInvalid":                 {"LK1401"},
		"33o49":                         {},
		"":                              {},
		"...":                           {},
		"99999999999999999999":          {},
		"-5":                            {},
		strings.Repeat("9", 500):        {},
		"0xZZ":                          {},
	} {
		if diff := cmp.Diff(want, labels(code.Find(query))); diff != "" {
			t.Errorf("Find(%q) (-want +got):\n%s", query, diff)
		}
	}
}

func TestNear(t *testing.T) {
	for query, want := range map[string]string{
		"33094":                     "Msg 33049", // two exchanged
		"33o49":                     "Msg 33049", // a letter for a digit
		"3049":                      "Msg 33049", // one left out
		"330499":                    "Msg 33049", // one doubled
		"2059":                      "2058",
		"2054":                      "2053", // never published
		"Msg 33048x":                "Msg 33048",
		"LK1402":                    "LK1401",
		"scp_err_FailureInRegsitry": "2058",
		"htpsendrequest":            "3106",
		"BadCredentials":            "3303",
		"PasswordToShort":           "2050",
	} {
		got := labels(code.Near(query))
		found := false
		for _, g := range got {
			found = found || g == want
		}
		if !found {
			t.Errorf("Near(%q) = %v, without %s", query, got, want)
		}
		if len(got) > 8 {
			t.Errorf("Near(%q) gives %d", query, len(got))
		}
	}
	for query, want := range map[string]string{"33094": "Msg 33049", "3311": "Msg 33111", "330111": "Msg 33111"} {
		if got := labels(code.Near(query)); len(got) == 0 || !slices.Contains(got[:min(3, len(got))], want) {
			t.Errorf("Near(%q) = %v, want %s among the first three", query, got, want)
		}
	}
	for _, query := range []string{"", "777777", "qqqqqqqqqqqqqqqq", "'; drop table", "\x00"} {
		if got := labels(code.Near(query)); len(got) != 0 {
			t.Errorf("Near(%q) = %v", query, got)
		}
	}
	if got := labels(code.Near("2058")); !cmp.Equal(got, []string{"2058"}) {
		t.Errorf("an exact match gives %v", got)
	}
	if got := labels(code.Near("Msg 2058")); len(got) > 0 && got[0] == "2058" {
		t.Errorf("a provider code was offered for a message: %v", got)
	}
}

func TestCodesAreErrors(t *testing.T) {
	cause := fmt.Errorf("opening: %w", fs.ErrPermission)
	err := fmt.Errorf("making a key: %w", code.Wrap(code.FailureInRegistry, "writing the map", "map.lk", cause))
	if !errors.Is(err, code.FailureInRegistry) || !errors.Is(err, fs.ErrPermission) || errors.Is(err, code.NotFound) {
		t.Error("errors.Is does not see the code or the cause, or sees another")
	}
	var e *code.Error
	if !errors.As(err, &e) || e.On != "map.lk" {
		t.Error("errors.As does not find the circumstances")
	}
	var c code.Code
	if !errors.As(err, &c) || c != code.FailureInRegistry {
		t.Error("errors.As does not find the code")
	}
	want := `making a key: writing the map "map.lk": 2058 scp_err_FailureInRegistry: opening: permission denied`
	if err.Error() != want {
		t.Errorf("text %q, want %q", err, want)
	}
	if code.Of(err) != code.FailureInRegistry || code.Of(cause) != 0 || code.Of(code.Msg(33049)) != code.Msg(33049) {
		t.Error("Of is wrong")
	}
	outer := code.Wrap(code.Msg(33049), "", "", err)
	if code.Of(outer) != code.Msg(33049) || !errors.Is(outer, code.FailureInRegistry) {
		t.Error("a message around a code hides it, or is not the outermost")
	}
	if s := code.New(code.In(code.Provider, 2054), "", "").Error(); s != "2054" {
		t.Errorf("an unknown code reads %q", s)
	}
}

func TestParts(t *testing.T) {
	c := code.In(code.Latchkey, 1401)
	if c.Space() != code.Latchkey || c.Number() != 1401 || c.String() != "LK1401" || c != code.ConfigInvalid {
		t.Errorf("%v has space %d, number %d", c, c.Space(), c.Number())
	}
	if s := code.Msg(33049).String(); s != "Msg 33049" {
		t.Errorf("message reads %q", s)
	}
}

func FuzzNear(f *testing.F) {
	for _, s := range []string{"33094", "Msg 33049", "0xC000080A", "LK1401", "ErrorHttpSendRequest", "\xff\xfe", "0x", "msg", strings.Repeat("a", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		exact, near := code.Find(s), code.Near(s)
		if len(exact) > 0 && len(near) != len(exact) {
			t.Errorf("%q: %d exact and %d near", s, len(exact), len(near))
		}
		if len(exact) == 0 && len(near) > 8 {
			t.Errorf("%q: %d near", s, len(near))
		}
		for _, e := range near {
			if _, ok := code.Lookup(e.Code); !ok {
				t.Errorf("%q: %v is not in the catalogue", s, e.Code)
			}
		}
	})
}
