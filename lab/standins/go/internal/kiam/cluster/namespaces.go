package cluster

import (
	"context"
	"fmt"
	"time"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"
)

// PermittedAnnotation on a namespace holds the expression that its pods' roles must match.
const PermittedAnnotation = "iam.amazonaws.com/permitted"

const namespaceResync = time.Minute

// Namespaces is a watched copy of all namespaces.
type Namespaces struct {
	store      cache.Store
	controller cache.Controller
}

// NewNamespaces prepares the copy; Run fills it.
func NewNamespaces(client *typedcorev1.CoreV1Client) *Namespaces {
	namespaces := &Namespaces{}
	namespaces.store, namespaces.controller = cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: everything(client, "namespaces"),
		ObjectType:    &corev1.Namespace{},
		ResyncPeriod:  namespaceResync,
		Handler: logChanges(func(object any) *log.Entry {
			if namespace, ok := object.(*corev1.Namespace); ok {
				return log.WithFields(log.Fields{
					"namespace":           namespace.Name,
					"namespace.permitted": namespace.Annotations[PermittedAnnotation],
				})
			}
			return nil
		}, "namespace", nil),
		Indexers: cache.Indexers{},
	})
	return namespaces
}

// Run starts the watch and returns when the first listing is in.
func (n *Namespaces) Run(ctx context.Context) error {
	go n.controller.Run(ctx.Done())
	log.Infof("started namespace cache controller")
	if !cache.WaitForCacheSync(ctx.Done(), n.controller.HasSynced) {
		return errNotSynced
	}
	return nil
}

// Namespace returns the copy of one namespace.
func (n *Namespaces) Namespace(name string) (*corev1.Namespace, error) {
	object, exists, err := n.store.GetByKey(name)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("namespace %q is not in the cache", name)
	}
	return object.(*corev1.Namespace), nil
}

// logChanges logs what happens to watched objects at debug level; onAdd, if given, is called for
// new ones afterwards.
func logChanges(entry func(any) *log.Entry, kind string, onAdd func(any)) cache.ResourceEventHandler {
	note := func(what string, object any) {
		if gone, unknown := object.(cache.DeletedFinalStateUnknown); unknown {
			object = gone.Obj
		}
		if logger := entry(object); logger != nil {
			logger.Debugf("%s %s", what, kind)
		} else {
			log.Errorf("unexpected object: %+v", object)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) {
			note("added", object)
			if onAdd != nil {
				onAdd(object)
			}
		},
		UpdateFunc: func(_, object any) { note("updated", object) },
		DeleteFunc: func(object any) { note("deleted", object) },
	}
}
