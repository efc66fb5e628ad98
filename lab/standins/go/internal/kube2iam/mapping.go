package kube2iam

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/ryanuber/go-glob"
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
)

// finder is what a mapping needs to know of the cluster.
type finder interface {
	pod(ip string) (*corev1.Pod, error)
	namespace(name string) (*corev1.Namespace, error)
}

// mapping knows which pod has which role.
type mapping struct {
	finder         finder
	baseARN        string
	defaultRoleARN string
	roleKey        string
	externalIDKey  string
	restricted     bool
	format         string
	namespaceKey   string
}

func newMapping(finder finder, o *Options) *mapping {
	m := &mapping{
		finder:        finder,
		baseARN:       o.BaseRoleARN,
		roleKey:       o.RoleKey,
		externalIDKey: o.ExternalIDKey,
		restricted:    o.NamespaceRestrictions,
		format:        o.NamespaceRestrictionFormat,
		namespaceKey:  o.NamespaceKey,
	}
	// Without --default-role but with --base-role-arn this is the base ARN, not "". So pods
	// without annotation get an empty role name, with status 200. The official one does that.
	m.defaultRoleARN = m.roleARN(o.DefaultRole)
	return m
}

// mapped is a pod's role and what else its credentials depend on.
type mapped struct {
	role       string // full ARN
	namespace  string
	externalID string
}

// find maps the pod that has an address.
func (m *mapping) find(ip string) (mapped, error) {
	pod, err := m.finder.pod(ip)
	if err != nil {
		return mapped{}, err
	}
	role, annotated := pod.Annotations[m.roleKey]
	if !annotated {
		if m.defaultRoleARN == "" {
			return mapped{}, fmt.Errorf("unable to find role for IP %s", pod.Status.PodIP)
		}
		log.Warnf("Using fallback role for IP %s", pod.Status.PodIP)
		role = m.defaultRoleARN
	}
	arn := m.roleARN(role)
	if !m.allowed(arn, pod.Namespace) {
		return mapped{}, fmt.Errorf("role requested %s not valid for namespace of pod at %s with namespace %s", arn, ip, pod.Namespace)
	}
	return mapped{role: arn, namespace: pod.Namespace, externalID: pod.Annotations[m.externalIDKey]}, nil
}

// roleARN completes a name, or a path and name, with the base ARN; ARNs stay as they are.
func (m *mapping) roleARN(role string) string {
	if strings.HasPrefix(strings.ToLower(role), "arn:") {
		return role
	}
	return m.baseARN + role
}

// shown is a role as pods see it: without the base ARN, if that is its own.
func (m *mapping) shown(arn string) string { return strings.TrimPrefix(arn, m.baseARN) }

func (m *mapping) allowed(arn, namespace string) bool {
	if !m.restricted || arn == m.defaultRoleARN {
		return true
	}
	found, err := m.finder.namespace(namespace)
	if err != nil {
		log.Debugf("Unable to find an indexed namespace of %s", namespace)
		return false
	}
	for _, pattern := range allowedRoles(found, m.namespaceKey) {
		if m.matches(m.roleARN(pattern), arn, namespace) {
			log.Debugf("Role: %s matched %s on namespace:%s.", arn, pattern, namespace)
			return true
		}
	}
	log.Warnf("Role: %s on namespace: %s not found.", arn, namespace)
	return false
}

func (m *mapping) matches(pattern, arn, namespace string) bool {
	if !strings.EqualFold(m.format, "regexp") {
		return glob.Glob(pattern, arn)
	}
	matched, err := regexp.MatchString(pattern, arn)
	if err != nil {
		log.Errorf("Namespace annotation %s caused an error when trying to match: %s for namespace: %s", pattern, arn, namespace)
	}
	return matched
}

// allowedRoles reads a namespace's annotation, a JSON array of patterns.
func allowedRoles(namespace *corev1.Namespace, key string) []string {
	text := namespace.Annotations[key]
	if text == "" {
		return nil
	}
	var roles []string
	if err := json.Unmarshal([]byte(text), &roles); err != nil {
		log.Errorf("Unable to decode roles on namespace %s ( role annotation is '%s' ) with error: %s", namespace.Name, text, err)
	}
	return roles
}
