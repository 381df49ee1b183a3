// Package watch runs the machines of package monitor: it checks keys, feeds what it found, and has databases closed and opened.
//
// Make a [Watch] with [New], which reads the states of before, and [Watch.Run] it. A [Target] lists what there is, each [Subject] with its
// key; checks its keys; closes and opens. Subjects with the same key share one check: a granted one holds for all of them, a refused one
// too, each subject has a machine of its own, and one that cannot be opened closes no other one.
//
// Checks are spread at random by the profile's jitter, at most Config.Concurrency at a time, each bounded by Config.Timeout: what does not
// answer in time is an outage. [Watch.Wake] makes all that do not serve be checked now, [Watch.Revalidate] is a person asking.
//
// What is promised. A state is stored, durably, before anything is done about it; a crash between the two is made good at the next
// start, since the target is told what its subjects are to be in each round. A file that does not read is an error of New: without
// it a database that a person must re-validate would open by itself. Events go to Config.Events in order, each once; one that a crash cuts off may be
// missing there, never the state. Nothing here reads the machine's clock.
package watch
