package agentd

// ServiceName is the service's name in Windows, and the source of its events.
const (
	ServiceName = "LatchkeyAgent"
	EventSource = "Latchkey"
)

// ServiceConfig says how to install the agent as a service of Windows.
type ServiceConfig struct {
	Name    string // ServiceName if ""
	Program string // absolute path of latchkey.exe
	Args    []string
	Listen  string // the address, where it is not the default
	Account string // "" for NT SERVICE\NAME, the service's own virtual account
}
