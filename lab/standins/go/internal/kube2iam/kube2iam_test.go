package kube2iam

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

const base = "arn:aws:iam::123456789012:role/"

type known struct {
	pods       map[string]*corev1.Pod
	namespaces map[string]string
}

func (k known) pod(ip string) (*corev1.Pod, error) {
	if pod, ok := k.pods[ip]; ok {
		return pod, nil
	}
	return nil, errors.New("not found")
}

func (k known) namespace(name string) (*corev1.Namespace, error) {
	annotations := map[string]string{"iam.amazonaws.com/allowed-roles": k.namespaces[name]}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}, nil
}

func annotated(ip string, annotations map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "orders", Name: "pod-" + ip, Annotations: annotations},
		Status:     corev1.PodStatus{PodIP: ip, Phase: corev1.PodRunning},
	}
}

func TestMapping(t *testing.T) {
	role := func(role string) *corev1.Pod {
		return annotated("10.0.0.1", map[string]string{"iam.amazonaws.com/role": role})
	}
	for name, test := range map[string]struct {
		pod     *corev1.Pod
		options func(*Options)
		allowed string
		shown   string
		err     string
	}{
		"name":              {pod: role("app"), shown: "app"},
		"path":              {pod: role("teams/payments/app"), shown: "teams/payments/app"},
		"own account's ARN": {pod: role(base + "app"), shown: "app"},
		"another account's": {pod: role("arn:aws:iam::9:role/app"), shown: "arn:aws:iam::9:role/app"},
		"no annotation, no default": {
			pod: annotated("10.0.0.1", nil), options: func(o *Options) { o.BaseRoleARN = "" }, err: "unable to find role for IP 10.0.0.1",
		},
		"no annotation, no default, but a base ARN": {pod: annotated("10.0.0.1", nil), shown: ""},
		"no annotation, default": {
			pod: annotated("10.0.0.1", nil), options: func(o *Options) { o.DefaultRole = "fallback" }, shown: "fallback",
		},
		"glob allows":  {pod: role("app-orders"), options: restricted("glob"), allowed: `["app-*"]`, shown: "app-orders"},
		"glob forbids": {pod: role("admin"), options: restricted("glob"), allowed: `["app-*"]`, err: "not valid for namespace"},
		"none allowed": {pod: role("app"), options: restricted("glob"), err: "not valid for namespace"},
		"regexp":       {pod: role("app-orders"), options: restricted("regexp"), allowed: `["app-(orders|billing)"]`, shown: "app-orders"},
		"not JSON":     {pod: role("app"), options: restricted("glob"), allowed: "app", err: "not valid for namespace"},
		"default role is always allowed": {
			pod:     role("fallback"),
			options: func(o *Options) { restricted("glob")(o); o.DefaultRole = "fallback" },
			shown:   "fallback",
		},
	} {
		t.Run(name, func(t *testing.T) {
			options := Defaults()
			options.BaseRoleARN = base
			if test.options != nil {
				test.options(options)
			}
			mapping := newMapping(known{
				pods:       map[string]*corev1.Pod{"10.0.0.1": test.pod},
				namespaces: map[string]string{"orders": test.allowed},
			}, options)
			found, err := mapping.find("10.0.0.1")
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %+v, %v; want error %q", found, err, test.err)
				}
				return
			}
			if err != nil || mapping.shown(found.role) != test.shown {
				t.Fatalf("got %+v, %v; want %s", found, err, test.shown)
			}
		})
	}
}

func restricted(format string) func(*Options) {
	return func(o *Options) { o.NamespaceRestrictions, o.NamespaceRestrictionFormat = true, format }
}

func TestPodByAddress(t *testing.T) {
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{byAddress: addressOf})
	finished := annotated("10.0.0.1", nil)
	finished.Name, finished.Status.Phase = "finished", corev1.PodSucceeded
	second := annotated("10.0.0.2", nil)
	second.Name = "second"
	for _, pod := range []*corev1.Pod{annotated("10.0.0.1", nil), finished, annotated("10.0.0.2", nil), second} {
		if err := indexer.Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	s := &store{pods: indexer}
	if pod, err := s.pod("10.0.0.1"); err != nil || pod.Name != "pod-10.0.0.1" {
		t.Errorf("got %v, %v", pod, err)
	}
	for ip, want := range map[string]string{
		"10.0.0.2": "with the ip 10.0.0.2 indexed",
		"10.0.0.9": `pod with specificed IP "10.0.0.9" not found`,
	} {
		if pod, err := s.pod(ip); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v", ip, pod, err)
		}
	}
}

func TestFlags(t *testing.T) {
	options, flags := Defaults(), pflag.NewFlagSet("kube2iam", pflag.ContinueOnError)
	options.Bind(flags)
	if err := flags.Parse([]string{
		"--app-port=8181", "--base-role-arn=arn:aws:iam::123456789012:role", "--host-interface=cni0", "--host-ip=10.0.0.1",
		"--node=worker-1", "--iptables=true", "--use-regional-sts-endpoint", "--namespace-restrictions=false",
		"--backoff-max-elapsed-time=5s",
	}); err != nil {
		t.Fatal(err)
	}
	if err := options.complete(instance{}); err != nil {
		t.Fatal(err)
	}
	if options.BaseRoleARN != base || !options.IPTables || options.NamespaceRestrictions ||
		options.BackoffMaxElapsed != 5*time.Second || options.SessionTTL != 15*time.Minute {
		t.Errorf("got %+v", options)
	}
	for want, wrong := range map[string]*Options{
		"Invalid --base-role-arn":              {BaseRoleARN: "123456789012"},
		"--auto-discover-base-arn cannot":      {BaseRoleARN: base, AutoDiscoverBaseARN: true},
		"--default-role and --auto-discover-d": {DefaultRole: "r", AutoDiscoverDefaultRole: true},
	} {
		if err := wrong.complete(instance{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// The flags of the official 0.15 (those of 0.11 are among them) but --version, as its --help lists
// them.
func TestEveryOfficialFlagIsThere(t *testing.T) {
	flags := pflag.NewFlagSet("kube2iam", pflag.ContinueOnError)
	Defaults().Bind(flags)
	var names []string
	flags.VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	want := strings.Fields("api-server api-token app-port auto-discover-base-arn auto-discover-default-role" +
		" backoff-max-elapsed-time backoff-max-interval base-role-arn cache-resync-period debug default-role host-interface" +
		" host-ip iam-external-id iam-role-error-ttl iam-role-key iam-role-session-ttl insecure iptables kubeconfig" +
		" log-format log-level metadata-addr metrics-port namespace-key namespace-restriction-format" +
		" namespace-restrictions node resolve-duplicate-cache-ips use-regional-sts-endpoint verbose")
	if !slices.Equal(names, want) {
		t.Errorf("got  %v\nwant %v", names, want)
	}
}

func TestSessionNames(t *testing.T) {
	if a, b := sessionName(base+"teams/app", "10.0.0.1"), sessionName(base+"teams/app", "10.0.0.2"); a == b || !strings.HasSuffix(a, "-app") {
		t.Errorf("got %s and %s", a, b)
	}
	if long := sessionName(base+strings.Repeat("x", 100), "10.0.0.1"); len(long) != longestSession {
		t.Errorf("%s is %d long", long, len(long))
	}
}

func TestKept(t *testing.T) {
	var k kept[string]
	if _, ok := k.get("role"); ok {
		t.Error("something was kept")
	}
	k.set("role", "value", time.Hour)
	if value, ok := k.get("role"); !ok || value != "value" {
		t.Errorf("got %q, %t", value, ok)
	}
	k.set("role", "value", 0)
	if _, ok := k.get("role"); ok {
		t.Error("kept for no time, yet still there")
	}
}

func TestRegions(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "https://sts.us-east-1.amazonaws.com", "cn-north-1": "https://sts.cn-north-1.amazonaws.com.cn", "mars-1": "",
	} {
		if got := stsEndpoint(region, []string{"us-east-1", "cn-north-1"}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	denied := ec2Error(403, []byte(`<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>`))
	if want := "https response error StatusCode: 403, RequestID: r, api error UnauthorizedOperation: no"; denied.Error() != want {
		t.Errorf("got %s", denied)
	}
	if got, err := baseOf("arn:aws:iam::123456789012:instance-profile/nodes.lab"); err != nil || got != base {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestCallerAddress(t *testing.T) {
	for remote, want := range map[string]string{"10.0.0.1:80": "10.0.0.1", "[::1]:80": "::1", "10.0.0.1": "10.0.0.1", "x:1": ""} {
		if got := callerAddress(remote); got != want {
			t.Errorf("%s: got %s", remote, got)
		}
	}
}
