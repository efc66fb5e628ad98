package kube2iam

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
)

const healthInterval = 30 * time.Second

// health is the outcome of the last look at the instance metadata service.
type health struct {
	lock     sync.Mutex
	checked  bool
	failure  string
	instance string
}

// start looks once, then again at intervals.
func (h *health) start() {
	h.look()
	go func() {
		for range time.Tick(healthInterval) {
			h.look()
		}
	}()
}

func (h *health) look() {
	id, err := instance{}.get("instance-id")
	h.lock.Lock()
	defer h.lock.Unlock()
	h.checked, h.failure = true, ""
	if err != nil {
		h.failure = fmt.Sprintf("Error getting instance id %+v", err)
		log.Error(h.failure)
		return
	}
	h.instance = id
}

func (h *health) last() (instance, failure string) {
	h.lock.Lock()
	defer h.lock.Unlock()
	if !h.checked {
		return "", noHealthYet
	}
	return h.instance, h.failure
}

func (s *server) healthz(_ *log.Entry, w http.ResponseWriter, _ *http.Request) {
	id, failure := s.health.last()
	if failure != "" {
		http.Error(w, failure, http.StatusInternalServerError)
		return
	}
	answerJSON(w, struct {
		HostIP     string `json:"hostIP"`
		InstanceID string `json:"instanceId"`
	}{s.options.HostIP, id})
}

// debugStore shows which role each pod's address has and which roles each namespace allows.
func (s *server) debugStore(_ *log.Entry, w http.ResponseWriter, _ *http.Request) {
	namespaceByIP, rolesByIP, rolesByNamespace := map[string]string{}, map[string]string{}, map[string][]string{}
	for _, ip := range s.store.pods.ListIndexFuncValues(byAddress) {
		// Pods in the host's network share an address, which is an error, and are left out.
		if pod, err := s.store.pod(ip); err == nil {
			namespaceByIP[ip] = pod.Namespace
			rolesByIP[ip] = pod.Annotations[s.options.RoleKey]
		}
	}
	for _, object := range s.store.namespaces.List() {
		namespace := object.(*corev1.Namespace)
		rolesByNamespace[namespace.Name] = allowedRoles(namespace, s.options.NamespaceKey)
	}
	dump, err := json.Marshal(map[string]any{
		"namespaceByIP":    namespaceByIP,
		"rolesByIP":        rolesByIP,
		"rolesByNamespace": rolesByNamespace,
	})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(dump)
}

func answerJSON(w http.ResponseWriter, value any) {
	w.Header().Add("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		log.Errorf("Error sending json %+v", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}
