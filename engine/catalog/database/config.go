package database

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
)

// ConfigOption is an option of sp_configure.
type ConfigOption struct {
	ID          int
	Name        string
	Min, Max    int
	Default     int
	Dynamic     bool
	Advanced    bool
	Unsupported bool // it names what this server does not have: it can be set to its default alone (message 15392)
	Description string
}

// configText is one option on a line: id, minimum, maximum, default, flags (d dynamic, a advanced, u unsupported), name | description.
// Options that only tune what this server does by itself are taken and have no effect.
const configText = `101 0 32767 0 da recovery interval (min) | Maximum recovery interval in minutes
102 0 1 0 d allow updates | Allow updates to system tables
103 0 32767 0 a user connections | Number of user connections allowed
106 5000 2147483647 0 a locks | Number of locks for all users
107 0 2147483647 0 a open objects | Number of open database objects
109 0 100 0 a fill factor (%) | Default fill factor percentage
114 0 1 0 da disallow results from triggers | Disallow returning results from triggers
115 0 1 1 d nested triggers | Allow triggers to be invoked within triggers
116 0 1 1 d server trigger recursion | Allow recursion for server level triggers
117 0 1 1  remote access | Allow remote access
124 0 9999 0 d default language | default language
400 0 1 0 d cross db ownership chaining | Allow cross db ownership chaining
503 128 65535 0 da max worker threads | Maximum worker threads
505 512 32767 4096 da network packet size (B) | Network packet size
518 0 1 0 d show advanced options | show advanced options
1127 1753 9999 2049 da two digit year cutoff | two digit year cutoff
1505 704 2147483647 0 da index create memory (KB) | Memory for index create sorts (kBytes)
1519 0 2147483647 10 d remote login timeout (s) | remote login timeout
1520 0 2147483647 600 d remote query timeout (s) | remote query timeout
1531 -1 2147483647 -1 da cursor threshold | cursor threshold
1534 0 32767 0 d user options | user options
1537 0 365 0 da media retention | Tape retention period in days
1538 0 32767 5 da cost threshold for parallelism | cost threshold for parallelism
1539 0 32767 0 da max degree of parallelism | maximum degree of parallelism
1540 512 2147483647 1024 da min memory per query (KB) | minimum memory per query (kBytes)
1541 -1 2147483647 -1 da query wait (s) | maximum time to wait for query memory (s)
1543 0 2147483647 0 da min server memory (MB) | Minimum size of server memory (MB)
1544 128 2147483647 2147483647 da max server memory (MB) | Maximum size of server memory (MB)
1545 0 2147483647 0 da query governor cost limit | Maximum estimated cost allowed by query governor
1547 0 1 0 au scan for startup procs | scan for startup stored procedures
1562 0 1 0 du clr enabled | CLR user code execution enabled in the server
1568 0 1 1 da default trace enabled | Enable or disable the default trace
1569 0 86400 0 da blocked process threshold (s) | Blocked process reporting threshold
1576 0 1 0 du remote admin connections | Dedicated Admin Connections are allowed from remote clients
1577 0 1 0 au common criteria compliance enabled | Common Criteria compliance mode enabled
1578 0 1 0 da EKM provider enabled | Enable or disable EKM provider
1579 0 1 0 d backup compression default | Enable compression of backups by default
1580 0 2 0 du filestream access level | Sets the FILESTREAM access level
1581 0 1 0 da optimize for ad hoc workloads | When this option is set, plan cache size is further reduced for single-use adhoc OLTP workload.
1584 0 1 0 d backup checksum default | Enable checksum of backups by default
16384 0 1 0 dau Agent XPs | Enable or disable Agent XPs
16386 0 1 0 dau Database Mail XPs | Enable or disable Database Mail XPs
16387 0 1 1 da SMO and DMO XPs | Enable or disable SMO and DMO XPs
16388 0 1 0 dau Ole Automation Procedures | Enable or disable Ole Automation Procedures
16390 0 1 0 dau xp_cmdshell | Enable or disable command shell
16391 0 1 0 dau Ad Hoc Distributed Queries | Enable or disable Ad Hoc Distributed Queries
16393 0 1 0 du contained database authentication | Enables contained databases and contained authentication`

// configOptions is configText, taken apart, by id.
var configOptions = func() []ConfigOption {
	var out []ConfigOption
	for l := range strings.Lines(configText) {
		head, desc, _ := strings.Cut(strings.TrimSpace(l), " | ")
		f := strings.SplitN(head, " ", 6)
		var n [4]int
		for i := range n {
			n[i], _ = strconv.Atoi(f[i])
		}
		out = append(out, ConfigOption{
			ID: n[0], Min: n[1], Max: n[2], Default: n[3], Name: f[5], Description: desc,
			Dynamic: strings.Contains(f[4], "d"), Advanced: strings.Contains(f[4], "a"), Unsupported: strings.Contains(f[4], "u"),
		})
	}
	return out
}()

// ConfigOptions lists the options by id.
func ConfigOptions() []ConfigOption { return slices.Clone(configOptions) }

// Config is the state of an option: as set, and in use.
func Config(s *model.State, o ConfigOption) (value, inUse int) {
	if c := s.Configs.Get(o.ID); c != nil {
		return c.Value, c.InUse
	}
	return o.Default, o.Default
}

// InUse is the value of an option that is in use, by its exact name.
func InUse(s *model.State, name string) int {
	for _, o := range configOptions {
		if o.Name == name {
			_, v := Config(s, o)
			return v
		}
	}
	return 0
}

// ConfigShown lists the options that sp_configure shows, by name: the advanced ones only while they are switched on.
func ConfigShown(s *model.State) []ConfigOption {
	advanced := InUse(s, "show advanced options") == 1
	out := slices.DeleteFunc(ConfigOptions(), func(o ConfigOption) bool { return o.Advanced && !advanced })
	slices.SortFunc(out, func(a, b ConfigOption) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return out
}

// FindOption finds an option by its name or by any part of it that no other has: messages 15123 and 15124.
func FindOption(s *model.State, name string) (ConfigOption, error) {
	var hits []ConfigOption
	for _, o := range ConfigShown(s) {
		if strings.EqualFold(o.Name, name) {
			return o, nil
		}
		if name != "" && strings.Contains(strings.ToLower(o.Name), strings.ToLower(name)) {
			hits = append(hits, o)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return ConfigOption{}, msg.New(15123, name)
	}
	return ConfigOption{}, msg.New(15124, name)
}

// Configure is sp_configure with a value. Needs ALTER SETTINGS (message 15247). It informs with message 15457.
type Configure struct {
	Name  string
	Value int
}

// Apply carries the operation out.
func (o *Configure) Apply(tx *catalog.Tx) error {
	if !tx.Perm.Server("ALTER SETTINGS") {
		return catalog.Denied()
	}
	opt, err := FindOption(tx.State, o.Name)
	if err != nil {
		return err
	}
	if o.Value != opt.Default && (o.Value < opt.Min || o.Value > opt.Max) {
		return msg.New(15129, o.Value, opt.Name)
	}
	old, inUse := Config(tx.State, opt)
	if opt.Unsupported && o.Value != opt.Default {
		return msg.New(15392, opt.Name)
	}
	tx.State.Configs.Put(0, opt.ID, &model.Config{ID: opt.ID, Value: o.Value, InUse: inUse})
	tx.Note(msg.New(15457, opt.Name, old, o.Value))
	return nil
}

// Reconfigure is RECONFIGURE. Needs ALTER SETTINGS (message 5812). Options that are not dynamic wait for the next start.
type Reconfigure struct {
	Override bool
}

// Apply carries the operation out.
func (o *Reconfigure) Apply(tx *catalog.Tx) error {
	if !tx.Perm.Server("ALTER SETTINGS") {
		return msg.New(5812)
	}
	if v := configValue(tx.State, 102); v != 0 && !o.Override {
		return msg.New(5808)
	}
	if v := configValue(tx.State, 101); v > 60 && !o.Override {
		return msg.New(5807, 60)
	}
	return install(tx, func(o ConfigOption) bool { return o.Dynamic })
}

func configValue(s *model.State, id int) int {
	if c := s.Configs.Get(id); c != nil {
		return c.Value
	}
	return 0
}

func install(tx *catalog.Tx, which func(ConfigOption) bool) error {
	for _, opt := range configOptions {
		if c := tx.State.Configs.Get(opt.ID); c != nil && c.Value != c.InUse && which(opt) {
			tx.State.Configs.Edit(0, opt.ID).InUse = c.Value
		}
	}
	return nil
}

// Started installs what waited for the next start. It is the server's own.
type Started struct{}

// Apply carries the operation out.
func (*Started) Apply(tx *catalog.Tx) error {
	return install(tx, func(ConfigOption) bool { return true })
}
