// Package standin says what these programs are: replacements for the lab, which behave at their
// edges (flags, paths, statuses, log messages, nat rules) like the official ones.
package standin

import "fmt"

// Description is what a stand-in calls itself in its first log line and in --version.
func Description(program, version string) string {
	return fmt.Sprintf("stand-in for %s %s (built by the lab; not the official program)", program, version)
}
