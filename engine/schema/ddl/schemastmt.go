package ddl

import (
	"context"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/tsql/ast"
)

// createSchema carries out CREATE SCHEMA with the statements in it.
func (c *statement) createSchema(ctx context.Context, st *ast.CreateSchema) error {
	name := st.Name
	owner := c.Owner
	if owner == 0 {
		owner = schema.DBO
	}
	if st.Authorization != "" {
		id, ok := 0, false
		if c.Principal != nil {
			id, ok = c.Principal(st.Authorization)
		} else if c.Same(st.Authorization, "dbo") {
			id, ok = schema.DBO, true
		}
		if !ok {
			return msg.New(15151, "find", "user", st.Authorization)
		}
		owner = id
		if name == "" {
			name = st.Authorization
		}
	}
	if c.Edit.Schema(name) != nil {
		return append(msg.List{msg.New(2714, name)}, msg.New(2759))
	}
	if err := c.PutSchema(&schema.Schema{Name: name, Owner: owner}); err != nil {
		return err
	}
	if len(st.Elements) == 0 {
		return nil
	}
	env := *c.Env
	env.Schema = name
	for _, e := range st.Elements {
		r, err := Run(ctx, &env, e)
		if err != nil {
			if m := msg.Messages(err); m != nil {
				return append(append(msg.List{}, m...), msg.New(2759))
			}
			return err
		}
		c.Result.Messages = append(c.Result.Messages, r.Messages...)
	}
	return nil
}
