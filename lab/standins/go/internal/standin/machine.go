package standin

import (
	"runtime"
	"runtime/debug"
)

// ShareMachine has a program take little of the machine: many of them share a small one with the
// cluster that they are part of.
func ShareMachine() {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
}
