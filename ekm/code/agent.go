package code

// Codes of our own in the provider's space: the library that SQL Server loads, and the agent behind it. The published table
// ends at 4000.
const (
	// AgentUnreachable is code 5001: the agent could not be reached; nothing was sent.
	AgentUnreachable = provider + 5001
	// AgentTimeout is code 5002: no answer within the call's deadline.
	AgentTimeout = provider + 5002
	// AgentOutcomeUnknown is code 5003: the connection broke in a call that must not be repeated.
	AgentOutcomeUnknown = provider + 5003
	// AgentForeign is code 5004: who listens is not the agent; nothing was sent.
	AgentForeign = provider + 5004
	// AgentProtocol is code 5005: the other side does not speak the protocol.
	AgentProtocol = provider + 5005
	// AgentBusy is code 5006: the agent is at a limit; nothing was done.
	AgentBusy = provider + 5006
	// AgentDenied is code 5007: the agent does not serve this account.
	AgentDenied = provider + 5007
)
