// Package cluster is what the kiam server knows of Kubernetes: pods by address and by role, and
// namespaces.
package cluster

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/record"
)

var errNotSynced = errors.New("error waiting for cache sync")

// Connect makes a client from a kubeconfig file, or from the pod's service account if path is "".
func Connect(path string) (*typedcorev1.CoreV1Client, error) {
	var config *rest.Config
	var err error
	if path == "" {
		config, err = rest.InClusterConfig()
	} else {
		config, err = clientcmd.BuildConfigFromFlags("", path)
	}
	if err != nil {
		return nil, err
	}
	return typedcorev1.NewForConfig(config)
}

// Events makes a recorder of Kubernetes events in kiam's name.
func Events(client *typedcorev1.CoreV1Client) record.EventRecorder {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kiam.server"})
}

func everything(client *typedcorev1.CoreV1Client, resource string) cache.ListerWatcher {
	return cache.NewListWatchFromClient(client.RESTClient(), resource, corev1.NamespaceAll, fields.Everything())
}
