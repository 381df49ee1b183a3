// Package release decides about secure key release and signs what an installation says about its keys.
//
// [ParsePolicy] reads a release policy, [Checker] compares an attestation token with it: the token's signature must verify
// under a key of the authority that the policy names, the token must be current, and the conditions must hold. Authorities and
// their keys are configured; nothing is fetched. An [Authority] signs releases (JWS, RS256, with a chain of three
// certificates) and attestations under keys that lie sealed in the store and are made when first needed.
//
// An attestation signed here is a statement of software: no hardware stands behind it. It is as good as the seal of the
// installation, and says so.
package release

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Policy is a release policy: any of its authorities may vouch.
type Policy struct {
	Version string      `json:"version"`
	AnyOf   []Condition `json:"anyOf"`
}

// Condition is an authority with what its token must say; or, inside one, a claim or a group.
type Condition struct {
	Authority string      `json:"authority,omitempty"`
	Claim     string      `json:"claim,omitempty"`
	Equals    any         `json:"equals,omitempty"`
	AllOf     []Condition `json:"allOf,omitempty"`
	AnyOf     []Condition `json:"anyOf,omitempty"`
}

const (
	maxConditions = 256
	maxDepth      = 8
)

// ParsePolicy reads and checks a policy's JSON.
func ParsePolicy(data []byte) (*Policy, error) {
	var p Policy
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields() // a condition that is not understood must not be skipped
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("not a release policy: %w", err)
	}
	if p.Version != "1.0.0" && p.Version != "1.0" && p.Version != "0.2" {
		return nil, fmt.Errorf("policy version %.16q is not 1.0.0", p.Version)
	}
	if len(p.AnyOf) == 0 {
		return nil, errors.New("anyOf is empty: nobody could ever have the key")
	}
	n := 0
	for i := range p.AnyOf {
		c := &p.AnyOf[i]
		u, err := url.Parse(c.Authority)
		if err != nil || u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("authority %.128q is not an https URL", c.Authority)
		}
		if c.Claim != "" || len(c.AllOf)+len(c.AnyOf) == 0 {
			return nil, fmt.Errorf("authority %.128q needs conditions in allOf or anyOf", c.Authority)
		}
		if err := c.check(&n, 0, true); err != nil {
			return nil, err
		}
	}
	return &p, nil
}

func (c *Condition) check(n *int, depth int, top bool) error {
	if *n++; *n > maxConditions || depth > maxDepth {
		return errors.New("too many conditions")
	}
	if !top {
		kinds := 0
		for _, there := range []bool{c.Claim != "", len(c.AllOf) > 0, len(c.AnyOf) > 0} {
			if there {
				kinds++
			}
		}
		switch {
		case c.Authority != "":
			return errors.New("an authority inside another")
		case kinds != 1:
			return errors.New("a condition is one of claim, allOf, anyOf")
		}
		if c.Claim != "" {
			switch c.Equals.(type) {
			case string, bool, float64:
			default:
				return fmt.Errorf("claim %.64q: equals must be a string, number or boolean", c.Claim)
			}
		}
	}
	for _, list := range [][]Condition{c.AllOf, c.AnyOf} {
		for i := range list {
			if err := list[i].check(n, depth+1, false); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds evaluates a condition over claims; what is missing does not hold.
func (c *Condition) holds(claims map[string]any) bool {
	if c.Claim != "" {
		return find(claims, c.Claim) == c.Equals && c.Equals != nil
	}
	for i := range c.AllOf {
		if !c.AllOf[i].holds(claims) {
			return false
		}
	}
	if len(c.AnyOf) == 0 {
		return len(c.AllOf) > 0
	}
	for i := range c.AnyOf {
		if c.AnyOf[i].holds(claims) {
			return true
		}
	}
	return false
}

// find gives a claim by its dotted name; the whole name is tried before its parts. nil if it is not a plain value.
func find(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		switch v.(type) {
		case string, bool, float64:
			return v
		}
		return nil
	}
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if inner, ok := claims[name[:i]].(map[string]any); ok {
			if v := find(inner, name[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}
