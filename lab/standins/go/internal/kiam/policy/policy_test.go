package policy

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/cluster"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

const base = "arn:aws:iam::123456789012:role/"

func TestPermits(t *testing.T) {
	const arn = base + "app-orders"
	for _, test := range []struct {
		expression string
		strict     bool
		want       bool
		broken     string
	}{
		{expression: ".*", strict: true, want: true},
		{expression: "app-orders", strict: true, want: false},
		{expression: "app-orders", strict: false, want: true},
		{expression: ".*/app-orders", strict: true, want: true},
		{expression: arn, strict: true, want: true},
		{expression: arn + "-2", strict: true, want: false},
		{expression: ".*/app", strict: true, want: false},
		{expression: ".*/app", strict: false, want: true},
		// Alternatives are not bracketed: the anchors hold on to the first and the last only.
		{expression: "arn:aws|nothing", strict: true, want: true},
		{expression: "*.*", strict: true, want: true},
		{expression: "*.*", strict: false, broken: "missing argument to repetition operator"},
		{expression: "(", strict: true, broken: "missing closing )"},
	} {
		t.Run(fmt.Sprintf("%s strict=%t", test.expression, test.strict), func(t *testing.T) {
			got, err := Permits(test.expression, arn, test.strict)
			if test.broken != "" {
				if err == nil || !strings.Contains(err.Error(), test.broken) {
					t.Fatalf("error %v, want one about %q", err, test.broken)
				}
				return
			}
			if err != nil || got != test.want {
				t.Fatalf("got %t, %v; want %t", got, err, test.want)
			}
		})
	}
}

type namespaces map[string]string

func (n namespaces) Namespace(name string) (*corev1.Namespace, error) {
	expression, ok := n[name]
	if !ok {
		return nil, fmt.Errorf("namespace %q is not in the cache", name)
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name:        name,
		Annotations: map[string]string{cluster.PermittedAnnotation: expression},
	}}, nil
}

func TestCheck(t *testing.T) {
	policy := Policy{
		Namespaces: namespaces{"orders": ".*app-orders", "bare": ""},
		Roles:      roles.Resolver{Prefix: base},
		Strict:     true,
	}
	for name, test := range map[string]struct {
		namespace, annotated, requested string
		denial, broken                  string
	}{
		"annotated and permitted":   {"orders", "app-orders", "app-orders", "", ""},
		"asked for by its ARN":      {"orders", "app-orders", base + "app-orders", "", ""},
		"another role":              {"orders", "app-orders", "other", "requested 'other' but annotated with 'app-orders', forbidden", ""},
		"not permitted":             {"orders", "admin", "admin", "namespace policy expression '.*app-orders' forbids role '" + base + "admin'", ""},
		"no expression":             {"bare", "app-orders", "app-orders", "namespace policy expression '(empty)' forbids role 'app-orders'", ""},
		"no annotation":             {"orders", "", "app-orders", "", "role can't be empty"},
		"namespace not yet watched": {"new", "app-orders", "app-orders", "", `namespace "new" is not in the cache`},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace:   test.namespace,
				Annotations: map[string]string{"iam.amazonaws.com/role": test.annotated},
			}}
			denial, err := policy.Check(test.requested, pod)
			if denial != test.denial {
				t.Errorf("denial %q, want %q", denial, test.denial)
			}
			if fmt.Sprint(err) != test.broken && (err != nil || test.broken != "") {
				t.Errorf("error %v, want %q", err, test.broken)
			}
		})
	}
}
