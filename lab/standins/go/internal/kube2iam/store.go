package kube2iam

import (
	"context"
	"errors"
	"fmt"
	"time"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

const byAddress = "address"

// store is a watched copy of the node's pods and of all namespaces.
type store struct {
	client            *typedcorev1.CoreV1Client
	pods              cache.Indexer
	namespaces        cache.Indexer
	resolveDuplicates bool
}

func connect(o *Options) (*typedcorev1.CoreV1Client, error) {
	var config *rest.Config
	var err error
	switch {
	case o.Kubeconfig != "":
		if config, err = clientcmd.BuildConfigFromFlags("", o.Kubeconfig); err == nil && o.Insecure {
			config.Insecure = true
		}
	case o.APIServer != "" && o.APIToken != "":
		config = &rest.Config{
			Host:            o.APIServer,
			BearerToken:     o.APIToken,
			TLSClientConfig: rest.TLSClientConfig{Insecure: o.Insecure},
		}
	default:
		config, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, err
	}
	return typedcorev1.NewForConfig(config)
}

// watch starts the watches and returns when the first listings are in.
func watch(client *typedcorev1.CoreV1Client, o *Options) *store {
	ofNode := fields.Everything()
	if o.Node != "" {
		ofNode = fields.OneTermEqualSelector("spec.nodeName", o.Node)
	}
	log.Debugf("Starting pod and namespace sync jobs with %s resync period", o.ResyncPeriod)
	s := &store{client: client, resolveDuplicates: o.ResolveDuplicateIPs}
	var podsSynced, namespacesSynced cache.InformerSynced
	s.pods, podsSynced = follow(client, "pods", &corev1.Pod{}, ofNode, o.ResyncPeriod, podEvents(o.RoleKey))
	s.namespaces, namespacesSynced = follow(
		client, "namespaces", &corev1.Namespace{}, fields.Everything(), o.ResyncPeriod, namespaceEvents(o.NamespaceKey))
	cache.WaitForCacheSync(wait.NeverStop, podsSynced, namespacesSynced)
	log.Debugln("Caches have been synced.  Proceeding with server.")
	return s
}

func follow(
	client *typedcorev1.CoreV1Client, resource string, kind runtime.Object, selector fields.Selector, resync time.Duration, events cache.ResourceEventHandler,
) (cache.Indexer, cache.InformerSynced) {
	copied, controller := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: cache.NewListWatchFromClient(client.RESTClient(), resource, corev1.NamespaceAll, selector),
		ObjectType:    kind,
		ResyncPeriod:  resync,
		Handler:       events,
		Indexers:      cache.Indexers{byAddress: addressOf},
	})
	go controller.Run(wait.NeverStop)
	return copied.(cache.Indexer), controller.HasSynced
}

// addressOf indexes pods that run; those that have ended have given their address up.
func addressOf(object any) ([]string, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Status.PodIP == "" || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil, nil
	}
	return []string{pod.Status.PodIP}, nil
}

// pod finds the pod that has an address.
func (s *store) pod(ip string) (*corev1.Pod, error) {
	objects, err := s.pods.ByIndex(byAddress, ip)
	switch {
	case err != nil:
		return nil, err
	case len(objects) == 0:
		// The official message is spelled so.
		return nil, fmt.Errorf("pod with specificed IP %q not found", ip)
	case len(objects) == 1:
		return objects[0].(*corev1.Pod), nil
	case s.resolveDuplicates:
		return s.podFromServer(ip)
	}
	names := make([]string, len(objects))
	for index, object := range objects {
		names[index] = object.(*corev1.Pod).Name
	}
	return nil, fmt.Errorf("%d pods (%v) with the ip %s indexed", len(objects), names, ip)
}

func (s *store) podFromServer(ip string) (*corev1.Pod, error) {
	list, err := s.client.Pods(corev1.NamespaceAll).List(context.Background(), metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("status.podIP", ip).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("resolveDuplicatedIP: Error retriving the pod with IP %s from the k8s api", ip)
	}
	for index := range list.Items {
		pod := &list.Items[index]
		if !pod.Spec.HostNetwork && pod.Status.Phase == corev1.PodRunning {
			return pod, nil
		}
	}
	return nil, errors.New("more than a pod with the same IP has been indexed, this can happen when pods have hostNetwork: true")
}

func (s *store) namespace(name string) (*corev1.Namespace, error) {
	object, exists, err := s.namespaces.GetByKey(name)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, errors.New("namespace was not found")
	}
	return object.(*corev1.Namespace), nil
}
