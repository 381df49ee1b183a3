package compose

import "latchkey/app/agentd"

// Connector are the settings of the connector that is built into the server of c.
func (c *EngineConfig) Connector() *agentd.Settings { return c.settings() }

// KeymapDir is the thumbprint map of the database server of `latchkey up`, in its data directory's [EngineDir].
const KeymapDir = keymapDir
