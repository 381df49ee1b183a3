package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// machineTime is the processor time of all processes of the machine; 0 where /proc does not tell.
func machineTime() time.Duration {
	b, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	if len(f) < 9 || f[0] != "cpu" {
		return 0
	}
	var sum time.Duration
	for i, field := range f[1:9] { // user, nice, system, idle, iowait, irq, softirq, steal
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 {
			sum += time.Duration(n) * clockTick
		}
	}
	return sum
}

// alikePriority gives processes the priority of this one among others. Linux shares processors between sessions (setsid) first and looks
// at nice values within one only, where autogroups are on; each process of PostgreSQL is a session of its own. So on a busy machine its sixteen
// got sixteen shares, and our server, the client and what else runs in this session one between them. That cannot be undone from here, but a
// priority of this session (a number written to /proc/self/autogroup) that puts the others aside is for all that are compared.
func alikePriority(pids []int) {
	b, err := os.ReadFile("/proc/self/autogroup")
	if err != nil {
		return // none here
	}
	_, own, ok := strings.Cut(strings.TrimSpace(string(b)), " nice ")
	if !ok {
		return
	}
	for _, pid := range pids {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", pid), []byte(own), 0) // not ours to change: it is the same then
	}
}
