// Package policy decides whether a pod may have the credentials that it asks for.
package policy

import (
	"fmt"
	"regexp"

	corev1 "k8s.io/api/core/v1"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/cluster"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

// NamespaceFinder looks a namespace up by name.
type NamespaceFinder interface {
	Namespace(name string) (*corev1.Namespace, error)
}

// Policy holds what decisions depend on.
type Policy struct {
	Namespaces NamespaceFinder
	Roles      roles.Resolver
	// Strict anchors a namespace's expression at both ends: it must match the whole ARN.
	Strict bool
}

// Check returns why the pod is denied the role, or "" if it is allowed. An error means that the
// question could not be answered, which is a denial too.
//
// The pod's own annotation comes first: only the annotated role can be had. Then the namespace's
// expression must match the resolved ARN; without an expression nothing is allowed.
func (p Policy) Check(requested string, pod *corev1.Pod) (denial string, err error) {
	annotatedRole, err := p.Roles.Resolve(cluster.PodRole(pod))
	if err != nil {
		return "", err
	}
	requestedRole, err := p.Roles.Resolve(requested)
	if err != nil {
		return "", err
	}
	if annotatedRole != requestedRole {
		return fmt.Sprintf("requested '%s' but annotated with '%s', forbidden", requested, annotatedRole.Name), nil
	}
	namespace, err := p.Namespaces.Namespace(pod.GetNamespace())
	if err != nil {
		return "", err
	}
	expression := namespace.GetAnnotations()[cluster.PermittedAnnotation]
	if expression == "" {
		return fmt.Sprintf("namespace policy expression '(empty)' forbids role '%s'", requested), nil
	}
	matches, err := Permits(expression, requestedRole.ARN, p.Strict)
	if err != nil {
		return "", err
	}
	if !matches {
		return fmt.Sprintf("namespace policy expression '%s' forbids role '%s'", expression, requestedRole.ARN), nil
	}
	return "", nil
}

// Permits reports whether a namespace's expression matches an ARN. Strict concatenates "^" and
// "$" to the text of the expression; that is why "*.*", which is no expression by itself ("missing
// argument to repetition operator"), is accepted strictly and then matches anything: in "^*.*$"
// the star repeats the anchor.
func Permits(expression, arn string, strict bool) (bool, error) {
	if strict {
		expression = "^" + expression + "$"
	}
	compiled, err := regexp.Compile(expression)
	if err != nil {
		return false, err
	}
	return compiled.MatchString(arn), nil
}
