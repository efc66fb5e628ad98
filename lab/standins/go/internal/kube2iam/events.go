package kube2iam

import (
	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"
)

// podEvents logs what happens to pods, at debug level.
func podEvents(roleKey string) cache.ResourceEventHandler {
	note := func(event string, object any) {
		if gone, unknown := object.(cache.DeletedFinalStateUnknown); unknown {
			object = gone.Obj
		}
		pod, ok := object.(*corev1.Pod)
		if !ok {
			log.Errorf("Expected Pod but %s handler received %+v", event, object)
			return
		}
		log.WithFields(log.Fields{
			"pod.namespace":    pod.Namespace,
			"pod.name":         pod.Name,
			"pod.status.ip":    pod.Status.PodIP,
			"pod.status.phase": pod.Status.Phase,
			"pod.iam.role":     pod.Annotations[roleKey],
		}).Debug("Pod " + event)
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { note("OnAdd", object) },
		UpdateFunc: func(_, object any) { note("OnUpdate", object) },
		DeleteFunc: func(object any) { note("OnDelete", object) },
	}
}

// namespaceEvents logs which roles namespaces allow.
func namespaceEvents(key string) cache.ResourceEventHandler {
	note := func(event string, object any) {
		namespace, ok := object.(*corev1.Namespace)
		if !ok {
			log.Errorf("Expected Namespace but %s handler received %+v", event, object)
			return
		}
		logger := log.WithField("ns.name", namespace.Name)
		if event == "OnDelete" {
			logger.Info("Deleting namespace (OnDelete)")
			return
		}
		logger.Debug("Namespace " + event)
		for _, role := range allowedRoles(namespace, key) {
			logger.WithField("ns.role", role).Infof("Discovered role on namespace (%s)", event)
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { note("OnAdd", object) },
		UpdateFunc: func(_, object any) { note("OnUpdate", object) },
		DeleteFunc: func(object any) { note("OnDelete", object) },
	}
}
