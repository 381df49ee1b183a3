package raise

// Bind marks an error of compiling: it ends its batch or module.
func Bind(err error) error {
	list := From(err)
	if Unknown(err) {
		return err
	}
	var out List
	for _, e := range list {
		n := *e
		n.Bind = true
		out = append(out, &n)
	}
	return &bindError{out, err}
}

// bindError keeps the place of what was wrong.
type bindError struct {
	List
	err error
}

func (e *bindError) Unwrap() []error { return []error{e.List, e.err} }

// NotDeclared is message 137: there is no such variable.
func NotDeclared(name string) error {
	e := New(137, name)
	e.Bind = true
	return e
}

// InModule marks an error of parsing a dynamic batch: it ends that batch alone, which has not begun, and a TRY around catches it.
func InModule(err error) error {
	list := From(err)
	for _, e := range list {
		e.Bind, e.Inner = false, true
	}
	return List(list)
}
