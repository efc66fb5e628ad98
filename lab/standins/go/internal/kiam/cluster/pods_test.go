package cluster

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

var resolver = roles.Resolver{Prefix: "arn:aws:iam::123456789012:role/"}

func watched(t *testing.T, pods ...*corev1.Pod) *Pods {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, podIndexers(resolver))
	for _, pod := range pods {
		if err := indexer.Add(pod); err != nil {
			t.Fatal(err)
		}
	}
	return &Pods{indexer: indexer, announced: make(chan *corev1.Pod, 1)}
}

func pod(name, address, role string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "orders", Name: name, Annotations: map[string]string{roleAnnotation: role}},
		Status:     corev1.PodStatus{PodIP: address, Phase: phase},
	}
}

func TestByAddress(t *testing.T) {
	pods := watched(t,
		pod("running", "10.0.0.1", "app", corev1.PodRunning),
		pod("finished", "10.0.0.1", "old", corev1.PodSucceeded),
		pod("failed", "10.0.0.2", "old", corev1.PodFailed),
		pod("host-a", "10.0.0.3", "", corev1.PodRunning),
		pod("host-b", "10.0.0.3", "", corev1.PodRunning),
		pod("starting", "", "app", corev1.PodPending),
	)
	if found, err := pods.ByAddress("10.0.0.1"); err != nil || found.Name != "running" {
		t.Errorf("an address taken over from a finished pod: %v, %v", found, err)
	}
	for address, want := range map[string]error{
		"10.0.0.2": ErrPodNotFound,
		"10.0.0.3": ErrMultiplePods,
		"10.0.0.9": ErrPodNotFound,
		"":         ErrPodNotFound,
	} {
		if found, err := pods.ByAddress(address); !errors.Is(err, want) {
			t.Errorf("%q: %v, %v; want %v", address, found, err, want)
		}
	}
}

func TestActive(t *testing.T) {
	pods := watched(t,
		pod("running", "10.0.0.1", "app", corev1.PodRunning),
		pod("finished", "10.0.0.2", "batch", corev1.PodSucceeded),
	)
	for role, want := range map[string]bool{"app": true, resolver.Prefix + "app": true, "batch": false, "none": false} {
		identity, err := resolver.Identity(role, "", "")
		if err != nil {
			t.Fatal(err)
		}
		if active, err := pods.Active(identity); err != nil || active != want {
			t.Errorf("%s: %t, %v; want %t", role, active, err, want)
		}
	}
}

func TestAnnounceDropsWhatDoesNotFit(t *testing.T) {
	pods := watched(t)
	pods.announce(pod("no-role", "", "", corev1.PodRunning))
	pods.announce(pod("finished", "", "app", corev1.PodSucceeded))
	pods.announce(pod("first", "", "app", corev1.PodPending))
	pods.announce(pod("second", "", "app", corev1.PodPending))
	if announced := <-pods.Announced(); announced.Name != "first" {
		t.Errorf("announced %s", announced.Name)
	}
	select {
	case announced := <-pods.Announced():
		t.Errorf("announced %s too", announced.Name)
	default:
	}
}
