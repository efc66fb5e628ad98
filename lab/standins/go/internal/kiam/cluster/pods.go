package cluster

import (
	"context"
	"errors"
	"time"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

const (
	roleAnnotation        = "iam.amazonaws.com/role"
	sessionNameAnnotation = "iam.amazonaws.com/session-name"
	externalIDAnnotation  = "iam.amazonaws.com/external-id"

	byAddress  = "address"
	byIdentity = "identity"
)

var (
	// ErrPodNotFound means that no pod that still runs has the address.
	ErrPodNotFound = errors.New("pod not found")
	// ErrMultiplePods means that several have it, as pods in the host's network do.
	ErrMultiplePods = errors.New("multiple running pods found")
)

// Pods is a watched copy of all pods. New ones that ask for a role are announced.
type Pods struct {
	announced  chan *corev1.Pod
	indexer    cache.Indexer
	controller cache.Controller
}

// NewPods prepares the copy; Run fills it. buffer is how many announced pods may wait.
func NewPods(client *typedcorev1.CoreV1Client, resolver roles.Resolver, resync time.Duration, buffer int) *Pods {
	pods := &Pods{announced: make(chan *corev1.Pod, buffer)}
	store, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: everything(client, "pods"),
		ObjectType:    &corev1.Pod{},
		ResyncPeriod:  resync,
		Handler:       logChanges(podEntry, "pod", pods.announce),
		Indexers:      podIndexers(resolver),
	})
	pods.indexer, pods.controller = store.(cache.Indexer), controller
	return pods
}

// Run starts the watch and returns when the first listing is in.
func (p *Pods) Run(ctx context.Context) error {
	go p.controller.Run(ctx.Done())
	log.Infof("started cache controller")
	if !cache.WaitForCacheSync(ctx.Done(), p.controller.HasSynced) {
		return errNotSynced
	}
	return nil
}

// Announced delivers every pod with a role once, when it is first seen.
func (p *Pods) Announced() <-chan *corev1.Pod { return p.announced }

// ByAddress finds the pod that has an address; completed pods have given theirs up.
func (p *Pods) ByAddress(address string) (*corev1.Pod, error) {
	objects, err := p.indexer.ByIndex(byAddress, address)
	if err != nil {
		return nil, err
	}
	var found []*corev1.Pod
	for _, object := range objects {
		if pod := object.(*corev1.Pod); !Completed(pod) {
			found = append(found, pod)
		}
	}
	for index, pod := range found {
		log.WithFields(PodFields(pod)).Debugf("found %d/%d pods for ip %s", index+1, len(found), address)
	}
	switch len(found) {
	case 0:
		return nil, ErrPodNotFound
	case 1:
		return found[0], nil
	}
	return nil, ErrMultiplePods
}

// Active reports whether a pod that has not completed uses the identity.
func (p *Pods) Active(identity roles.Identity) (bool, error) {
	objects, err := p.indexer.ByIndex(byIdentity, identity.Key())
	if err != nil {
		return false, err
	}
	for _, object := range objects {
		if !Completed(object.(*corev1.Pod)) {
			return true, nil
		}
	}
	return false, nil
}

func (p *Pods) announce(object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok || Completed(pod) || PodRole(pod) == "" {
		return
	}
	select {
	case p.announced <- pod:
		log.WithFields(PodFields(pod)).Debugf("announced pod")
	default:
		log.WithFields(PodFields(pod)).Warnf("pods announcement full, dropping")
	}
}

func podIndexers(resolver roles.Resolver) cache.Indexers {
	return cache.Indexers{
		byAddress: func(object any) ([]string, error) {
			if address := object.(*corev1.Pod).Status.PodIP; address != "" {
				return []string{address}, nil
			}
			return nil, nil
		},
		byIdentity: func(object any) ([]string, error) {
			pod := object.(*corev1.Pod)
			if PodRole(pod) == "" {
				return nil, nil
			}
			identity, err := PodIdentity(pod, PodRole(pod), resolver)
			if err != nil {
				return nil, err
			}
			return []string{identity.Key()}, nil
		},
	}
}

// PodRole is the role that the pod is annotated with, as written, or "".
func PodRole(pod *corev1.Pod) string { return pod.Annotations[roleAnnotation] }

// PodIdentity is the identity for which a pod gets credentials when it asks for a role.
func PodIdentity(pod *corev1.Pod, role string, resolver roles.Resolver) (roles.Identity, error) {
	return resolver.Identity(role, pod.Annotations[sessionNameAnnotation], pod.Annotations[externalIDAnnotation])
}

// Completed reports whether the pod has run to its end, well or not.
func Completed(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// PodFields is how a pod appears in the log.
func PodFields(pod *corev1.Pod) log.Fields {
	return log.Fields{
		"pod.namespace":       pod.Namespace,
		"pod.name":            pod.Name,
		"pod.status.ip":       pod.Status.PodIP,
		"pod.status.phase":    pod.Status.Phase,
		"pod.iam.role":        PodRole(pod),
		"resource.version":    pod.ResourceVersion,
		"generation.metadata": pod.Generation,
	}
}

func podEntry(object any) *log.Entry {
	if pod, ok := object.(*corev1.Pod); ok {
		return log.WithFields(PodFields(pod))
	}
	return nil
}
