package azure

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"latchkey/akv"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
)

// noteExtensions remembers what a vault of Latchkey's says that it has beyond Azure's. Azure's say nothing, and are asked nothing.
func (h *host) noteExtensions(header http.Header) {
	for word := range strings.SplitSeq(header.Get(akv.HeaderExtensions), ",") {
		if strings.TrimSpace(word) == akv.ExtensionDependents {
			h.dependents.Store(true)
		}
	}
}

// Register tells a vault of Latchkey's what a server needs of it; ekm.ErrNoRegister, without a request, for one that has not said in a reply that it keeps such a list.
func (v *Vault) Register(ctx context.Context, r ekm.Registration) (problems []string, err error) {
	if !v.h.dependents.Load() {
		return nil, ekm.ErrNoRegister
	}
	d := akv.Dependent{ID: r.ID, Server: r.Server, Lease: int64(r.Lease / time.Second), Uses: []akv.Use{}}
	for _, n := range r.Needs {
		_, name, version, err := parseKID(v.h.target, n.URI)
		if err != nil || version == "" {
			continue // another vault's
		}
		d.Uses = append(d.Uses, akv.Use{Key: name, Version: strings.ToLower(version), Database: n.Database, Kind: n.Kind, Thumbprint: n.Thumbprint.String()})
	}
	d.Uses = akv.Condense(d.Uses)
	if d.Uses == nil {
		d.Uses = []akv.Use{}
	}
	body, err := json.Marshal(d)
	if err != nil {
		return nil, code.Wrap(code.InvalidArgument, "registering at", v.h.target.Host, err)
	}
	reply, err := v.call(ctx, request{
		op: "registering at", method: http.MethodPut, path: akv.PathDependents + "/" + url.PathEscape(r.ID), body: body, repeat: true,
	})
	if err != nil {
		return nil, err
	}
	var out akv.Dependent
	if err := json.Unmarshal(reply, &out); err != nil {
		return nil, code.Wrap(code.Failure, "registering at", v.h.target.Host, err)
	}
	out.Problems = slices.Clip(out.Problems[:min(len(out.Problems), 16)])
	for i, p := range out.Problems {
		out.Problems[i] = keystore.Clip(p)
	}
	return out.Problems, nil
}
