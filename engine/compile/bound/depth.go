package bound

// maxDepth bounds the weight of nesting in a text that SQLite compiles, whose stack is small: SQLite compiled to Go gives up (and
// with it the connection) at about twice this.
const maxDepth = 300

// What a level of nesting weighs: a parenthesis, a call, a SELECT.
const (
	weightParen  = 1
	weightCall   = 2
	weightSelect = 6
)

// TooDeep reports a text that is nested more deeply than SQLite's stack is sure to bear. more is weight that the text does not show.
func TooDeep(sql string, more int) bool {
	depth := more
	var open []int
	for i := 0; i < len(sql); i++ {
		switch ch := sql[i]; ch {
		case '(':
			w := weightParen
			switch {
			case len(sql) > i+6 && (sql[i+1:i+7] == "SELECT" || sql[i+1:i+7] == "VALUES"):
				w = weightSelect
			case i > 0 && (sql[i-1] == '_' || sql[i-1] >= 'a' && sql[i-1] <= 'z'):
				w = weightCall
			}
			open = append(open, w)
			if depth += w; depth > maxDepth {
				return true
			}
		case ')':
			if n := len(open); n > 0 {
				depth -= open[n-1]
				open = open[:n-1]
			}
		case '\'', '"':
			for i++; i < len(sql) && sql[i] != ch; i++ {
			}
		}
	}
	return false
}
