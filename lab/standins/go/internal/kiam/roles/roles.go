// Package roles turns what a pod's annotation says into an IAM role.
package roles

import (
	"errors"
	"fmt"
	"strings"
)

// Role is an IAM role: its name with its path, and its ARN.
type Role struct {
	Name string
	ARN  string
}

// Resolver completes role names to ARNs. Prefix is what a bare name lacks,
// e.g. arn:aws:iam::123456789012:role/.
type Resolver struct {
	Prefix string
}

// Resolve accepts a name, a path and name (with or without a leading slash) and a full ARN.
func (r Resolver) Resolve(role string) (Role, error) {
	if role == "" {
		return Role{}, errors.New("role can't be empty")
	}
	if strings.HasPrefix(role, "arn:") {
		parts := strings.SplitN(role, ":", 6)
		if len(parts) < 6 {
			return Role{}, fmt.Errorf("%q is no ARN of a role", role)
		}
		return Role{Name: strings.TrimPrefix(parts[5], "role/"), ARN: role}, nil
	}
	name := strings.TrimPrefix(role, "/")
	return Role{Name: name, ARN: r.Prefix + name}, nil
}

// Identity is what credentials are issued for. Two pods with equal identities share credentials.
type Identity struct {
	Role        Role
	SessionName string
	ExternalID  string
}

// Identity resolves the role and adds what else the pod's annotations ask for.
func (r Resolver) Identity(role, sessionName, externalID string) (Identity, error) {
	resolved, err := r.Resolve(role)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Role: resolved, SessionName: sessionName, ExternalID: externalID}, nil
}

// Key names the identity in caches and indexes.
func (i Identity) Key() string {
	return i.Role.ARN + "|" + i.SessionName + "|" + i.ExternalID
}
