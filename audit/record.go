package audit

import "time"

// Result says how an operation ended.
type Result string

// The results.
const (
	Success Result = "Success"
	Denied  Result = "Denied" // refused at the door: no token, no right, firewall, throttled
	Failed  Result = "Failed" // allowed, but the operation failed
)

// Record is one operation as the log keeps it. It holds names and numbers, never key material, tokens or payloads. The
// fields follow the real service's AuditEvent; the log adds sequence number and chain.
type Record struct {
	Time          time.Time     `json:"time"`
	Operation     string        `json:"operationName"`              // "KeyWrap", "VaultPut", "TokenIssue", ...
	APIVersion    string        `json:"operationVersion,omitempty"` // api-version of the call
	Resource      string        `json:"resourceId,omitempty"`       // the vault, or the tenant
	Object        string        `json:"id,omitempty"`               // the key's identifier, where there is one
	Result        Result        `json:"resultType"`
	Status        int           `json:"httpStatusCode,omitempty"`
	Reason        string        `json:"resultDescription,omitempty"` // code and inner code of a refusal or failure
	Duration      time.Duration `json:"durationNs,omitempty"`
	CallerIP      string        `json:"callerIpAddress,omitempty"`
	CorrelationID string        `json:"correlationId,omitempty"` // x-ms-client-request-id
	RequestID     string        `json:"requestId,omitempty"`     // x-ms-request-id
	ObjectID      string        `json:"oid,omitempty"`
	AppID         string        `json:"appid,omitempty"`
	TenantID      string        `json:"tid,omitempty"`
	Client        string        `json:"clientInfo,omitempty"`   // User-Agent, cut to 256 bytes
	Assignment    string        `json:"assignmentId,omitempty"` // the role assignment or policy that allowed it
}
