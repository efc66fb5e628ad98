// Package nat adds and removes the one rule that both systems are about: TCP to the metadata
// address, port 80, coming in from the pods' interface, goes to a port of the node instead.
package nat

import (
	"strings"

	"github.com/coreos/go-iptables/iptables"
)

const (
	table = "nat"
	chain = "PREROUTING"
)

// Rule describes a redirection of the instance metadata address.
type Rule struct {
	// Metadata is the address that pods talk to, without a port (169.254.169.254).
	Metadata string
	// Destination is where they really go, as address:port.
	Destination string
	// Interface is where the pods' traffic comes in, in iptables' notation: a trailing "+" is a
	// wildcard; with a leading "!" every interface but this one is meant.
	Interface string
}

// Specification is the rule in iptables' words, without table and chain.
func (r Rule) Specification() []string {
	words := []string{
		"-p", "tcp", "-d", r.Metadata, "--dport", "80",
		"-j", "DNAT", "--to-destination", r.Destination,
	}
	if name, negated := strings.CutPrefix(r.Interface, "!"); negated {
		return append(words, "!", "-i", name)
	}
	return append(words, "-i", r.Interface)
}

// Append puts the rule at the end of the chain unless the chain has it already, wherever in it.
func (r Rule) Append() error {
	ipt, err := iptables.New()
	if err != nil {
		return err
	}
	return ipt.AppendUnique(table, chain, r.Specification()...)
}

// Delete takes the rule away. That it was absent is an error.
func (r Rule) Delete() error {
	ipt, err := iptables.New()
	if err != nil {
		return err
	}
	return ipt.Delete(table, chain, r.Specification()...)
}
