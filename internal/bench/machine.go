package main

import (
	"errors"
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

// stayAwake keeps idle processors from halting until undo is called; on Linux root may ask for it (Documentation/power/pm_qos_interface.rst).
//
// Who waits for a server leaves a processor idle for some microseconds. Real processors and most guests wait awake for as long, but a virtual
// one may halt at once, and waking it takes the host; also Linux queues a thread that wakes up behind the one that woke it rather than
// on a halted processor. Where this was written, with two such processors and 16 connections, one was idle for 35 % of the time while a thread
// waited at the other. PostgreSQL has a process for each connection, so each processor mostly has one of its own that can run.
func stayAwake() (undo func() error, err error) {
	f, err := os.OpenFile("/dev/cpu_dma_latency", os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(make([]byte, 4)); err != nil { // 0 microseconds to wake up
		return nil, errors.Join(err, f.Close())
	}
	return f.Close, nil
}
