package httpapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"latchkey/akv"
	"latchkey/vault/door"
)

// args are the parts of a path that are not words.
type args struct{ name, version, id, scope string }

// router finds routes by the number of their path's parts.
type router struct{ byLen map[int][]*Route }

const maxParts = 8

func newRouter(all []Route) *router {
	r := &router{byLen: map[int][]*Route{}}
	for i := range all {
		n := len(all[i].parts)
		r.byLen[n] = append(r.byLen[n], &all[i])
	}
	return r
}

// match finds the route; if none has this method but the path is one, allow lists the methods it has.
func (r *router) match(method string, parts []string) (route *Route, a args, allow []string) {
	for _, candidate := range r.byLen[len(parts)] {
		got, ok := candidate.match(parts)
		if !ok {
			continue
		}
		if candidate.Method == method {
			return candidate, got, nil
		}
		if !slices.Contains(allow, candidate.Method) {
			allow = append(allow, candidate.Method)
		}
	}
	return nil, args{}, allow
}

func (r *Route) match(parts []string) (a args, ok bool) {
	for i, want := range r.parts {
		switch want {
		case "{name}":
			a.name = parts[i]
		case "{version}":
			a.version = parts[i]
		case "{id}":
			a.id = parts[i]
		case "{scope}":
			a.scope = parts[i]
		default:
			if !strings.EqualFold(want, parts[i]) {
				return args{}, false
			}
		}
	}
	return a, true
}

// split cuts an escaped path into decoded parts. Empty ones are dropped: clients write "//keys/k", "/keys/k/" and
// "/keys/k//encrypt". An encoded slash stays inside its part, where no name allows it.
func split(path string) ([]string, bool) {
	parts := make([]string, 0, maxParts)
	for path != "" {
		var part string
		part, path, _ = strings.Cut(path, "/")
		if part == "" {
			continue
		}
		if strings.IndexByte(part, '%') >= 0 {
			var err error
			if part, err = url.PathUnescape(part); err != nil {
				return nil, false
			}
		}
		if len(parts) == maxParts {
			return nil, false
		}
		parts = append(parts, part)
	}
	return scoped(parts)
}

// scoped brings the role routes into one form: their scope, of none to two parts and perhaps written as "%2F", is one part.
func scoped(parts []string) ([]string, bool) {
	at := slices.IndexFunc(parts, func(p string) bool { return strings.EqualFold(p, "providers") })
	if at < 0 || at+1 >= len(parts) || !strings.EqualFold(parts[at+1], "Microsoft.Authorization") {
		return parts, true
	}
	var scope []string
	for _, p := range parts[:at] {
		for _, q := range strings.Split(p, "/") {
			if q != "" {
				scope = append(scope, q)
			}
		}
	}
	return append([]string{"/" + strings.Join(scope, "/")}, parts[at:]...), true
}

// find says which operation a request is and fills in the call. What is wrong with the request's line goes to Refused: it is
// answered once the caller is known.
func (rq *request) find() door.Op {
	refuse := func(status int, code, format string, args ...any) {
		if rq.call.Refused == nil {
			rq.call.Refused = &akv.Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
		}
	}
	bad := func(format string, args ...any) {
		refuse(http.StatusBadRequest, akv.CodeBadParameter, format, args...)
	}
	method := rq.r.Method
	if over := rq.r.Header.Get("X-Http-Method"); over != "" && method == http.MethodPost {
		method = strings.ToUpper(over)
	}
	parts, ok := split(rq.r.URL.EscapedPath())
	var allow []string
	if ok {
		rq.route, rq.args, allow = rq.h.routes.match(method, parts)
	}
	if rq.route != nil && rq.route.HSM && !rq.call.HSM {
		rq.route, allow = nil, nil
	}
	if rq.route == nil {
		if len(allow) > 0 {
			rq.w.Header()["Allow"] = []string{strings.Join(allow, ", ")}
			refuse(http.StatusMethodNotAllowed, "MethodNotAllowed", "The method %.16s is not allowed at this address.", method)
		} else {
			refuse(http.StatusNotFound, akv.CodeNotFound, "There is nothing at this address.")
		}
		return door.OpUnknown
	}
	rq.apiVersion(bad)
	rq.call.Key, rq.call.KeyVersion = rq.args.name, strings.ToLower(rq.args.version)
	if strings.Contains(rq.route.Path, "{name}") && !akv.ValidKeyName(rq.args.name) {
		bad("The request URI contains an invalid name: %.128q", rq.args.name)
		rq.call.Key = ""
	}
	if rq.args.version != "" && !akv.ValidVersion(rq.call.KeyVersion) {
		bad("The request URI contains an invalid version: %.64q", rq.args.version)
		rq.call.KeyVersion = ""
	}
	if rq.args.scope != "" {
		rq.scope(bad)
	}
	return rq.route.Op
}

// apiVersion reads the version. A page of a Managed HSM's list is asked for without one.
func (rq *request) apiVersion(bad func(string, ...any)) {
	name, ok := rq.query.get("api-version")
	if !ok || name == "" {
		if _, paged := rq.query.get("$skiptoken"); paged && rq.call.HSM {
			rq.call.Version, _ = rq.h.parser.Parse("7.4")
			return
		}
		bad("The request must specify an api-version. Consider using the latest supported version (%s).", akv.LatestVersion)
		return
	}
	v, known := rq.h.parser.Parse(name)
	if !known {
		bad("The specified version (%s) is not recognized. Consider using the latest supported version (%s).", clip(name, 32), akv.LatestVersion)
		return
	}
	rq.call.Version = v
	if !v.At(rq.route.Since) {
		bad("Operation %s is not available in the specified version (%s). Consider using the latest supported version (%s).", rq.route.Op, v, akv.LatestVersion)
	}
}

func (rq *request) scope(bad func(string, ...any)) {
	s := rq.args.scope
	name, isKey := strings.CutPrefix(strings.ToLower(s), "/keys/")
	switch {
	case s == "/" || strings.EqualFold(s, "/keys"):
		rq.call.Scope = strings.ToLower(s)
	case isKey && akv.ValidKeyName(name):
		rq.call.Scope = "/keys/" + s[len("/keys/"):]
	default:
		bad("The scope %.160q is not /, /keys or /keys/{name}.", s)
		rq.call.Scope = "/"
	}
	if strings.Contains(rq.route.Path, "roleDefinitions") && rq.call.Scope != "/" {
		bad("Role definitions have the scope / only.")
	}
}
