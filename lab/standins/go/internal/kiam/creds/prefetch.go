package creds

import (
	"context"

	log "github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/cluster"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

// Prefetcher has credentials ready before pods ask: for every pod that appears, and again when
// they are about to expire while a pod still uses them.
type Prefetcher struct {
	Cache *Cache
	Pods  *cluster.Pods
	Roles roles.Resolver
}

// Run starts so many workers and returns. They end with the context.
func (p Prefetcher) Run(ctx context.Context, workers int) {
	for id := range workers {
		log.Infof("starting credential manager process %d", id)
		go p.work(ctx, id)
	}
}

func (p Prefetcher) work(ctx context.Context, id int) {
	for {
		select {
		case <-ctx.Done():
			log.Infof("stopping credential manager process %d", id)
			return
		case pod := <-p.Pods.Announced():
			p.warm(ctx, pod)
		case issued := <-p.Cache.Expiring():
			p.renew(ctx, issued)
		}
	}
}

func (p Prefetcher) warm(ctx context.Context, pod *corev1.Pod) {
	logger := log.WithFields(cluster.PodFields(pod))
	if cluster.Completed(pod) {
		logger.Debugf("ignoring fetch credentials for completed pod")
		return
	}
	identity, err := cluster.PodIdentity(pod, cluster.PodRole(pod), p.Roles)
	if err != nil {
		logger.Errorf("error creating role identity: %s", err.Error())
		return
	}
	credentials, err := p.Cache.For(ctx, identity)
	if err != nil {
		logger.Errorf("error warming credentials: %s", err.Error())
		return
	}
	logger.WithFields(Fields(identity, credentials)).Infof("fetched credentials")
}

func (p Prefetcher) renew(ctx context.Context, issued Issued) {
	logger := log.WithFields(Fields(issued.Identity, issued.Credentials))
	active, err := p.Pods.Active(issued.Identity)
	if err != nil {
		logger.Errorf("error checking whether role active: %s", err.Error())
		return
	}
	if !active {
		logger.Infof("role no longer active")
		return
	}
	logger.Infof("expiring credentials, fetching updated")
	if _, err := p.Cache.For(ctx, issued.Identity); err != nil {
		logger.Errorf("error fetching updated credentials for expiring: %s", err.Error())
	}
}
