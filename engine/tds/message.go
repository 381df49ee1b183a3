package tds

// ClientMessage is a message that only clients send.
type ClientMessage interface {
	// FromClient marks the direction.
	FromClient()
	// Append appends the message's body, without packet headers.
	Append(dst []byte) []byte
}

// ServerToken is a token that only servers send, inside a message of type [PacketReply].
type ServerToken interface {
	// FromServer marks the direction.
	FromServer()
	// Append appends the token as v has it.
	Append(dst []byte, v Version) []byte
}

// FromClient marks a client message.
func (*Batch) FromClient() {}

// FromClient marks a client message.
func (*RPC) FromClient() {}

// FromClient marks a client message.
func (*TransMgr) FromClient() {}

// FromClient marks a client message.
func (*Bulk) FromClient() {}

// FromServer marks a server token.
func (*EnvChange) FromServer() {}

// FromServer marks a server token.
func (*Message) FromServer() {}

// FromServer marks a server token.
func (*LoginAck) FromServer() {}

// FromServer marks a server token.
func (*FeatureAck) FromServer() {}

// FromServer marks a server token.
func (*ColMetadata) FromServer() {}

// FromServer marks a server token.
func (*Row) FromServer() {}

// FromServer marks a server token.
func (*Order) FromServer() {}

// FromServer marks a server token.
func (*ReturnStatus) FromServer() {}

// FromServer marks a server token.
func (*ReturnValue) FromServer() {}

// FromServer marks a server token.
func (*Done) FromServer() {}

// Limits bounds what one message may hold. The zero value means the defaults, which are SQL Server's.
type Limits struct {
	Params  int // of one RPC call; 2,100 by default
	Calls   int // in one RPC message; 1,000 by default
	Columns int // of a result, a bulk load or a table parameter; 4,096 by default
	Value   int // bytes of one value, or of one row of a bulk load; 1 GiB by default. The message's own limit is usually lower
}

func (l Limits) withDefaults() Limits {
	def := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	def(&l.Params, 2100)
	def(&l.Calls, 1000)
	def(&l.Columns, 4096)
	def(&l.Value, 1<<30)
	return l
}
