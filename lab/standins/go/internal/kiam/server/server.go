// Package server is the kiam server: it answers agents with roles and credentials.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/aws/aws-sdk-go/aws/awserr"
	log "github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/cluster"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/creds"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/policy"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
)

// The agent knows these by their text.
var (
	errPodNotFound = errors.New("no pod found")
	errForbidden   = errors.New("forbidden by policy")
)

// Options are the server's settings, named as its flags are.
type Options struct {
	Bind                         string
	Kubeconfig                   string
	Sync                         time.Duration
	PrefetchBufferSize           int
	Fetchers                     int
	RoleBaseARN                  string
	RoleBaseARNAutodetect        bool
	DisableStrictNamespaceRegexp bool
	Session                      string
	SessionDuration              time.Duration
	SessionRefresh               time.Duration
	AssumeRoleARN                string
	Region                       string
	Files                        rpc.Files
	Keepalive                    keepalive.ServerParameters
}

// Server is a kiam server that listens already but does not answer before Serve.
type Server struct {
	roles      roles.Resolver
	pods       *cluster.Pods
	namespaces *cluster.Namespaces
	policy     policy.Policy
	cache      *creds.Cache
	events     record.EventRecorder
	fetchers   int
	listener   net.Listener
	grpc       *grpc.Server
}

// New prepares everything that can fail early: AWS, Kubernetes, certificates, the address.
func New(options Options) (*Server, error) {
	resolver, issuer, err := prepareAWS(options)
	if err != nil {
		return nil, fmt.Errorf("error using AWS STS Gateway: %w", err)
	}
	client, err := cluster.Connect(options.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("error configuring Kubernetes client: %w", err)
	}
	namespaces := cluster.NewNamespaces(client)
	s := &Server{
		roles:      resolver,
		pods:       cluster.NewPods(client, resolver, options.Sync, options.PrefetchBufferSize),
		namespaces: namespaces,
		policy:     policy.Policy{Namespaces: namespaces, Roles: resolver, Strict: !options.DisableStrictNamespaceRegexp},
		cache:      creds.NewCache(issuer, options.Session, options.SessionDuration, options.SessionRefresh),
		events:     cluster.Events(client),
		fetchers:   options.Fetchers,
	}
	if s.grpc, err = rpc.NewServer(options.Files, options.Keepalive, s); err != nil {
		return nil, fmt.Errorf("error configuring TLS: %w", err)
	}
	if s.listener, err = net.Listen("tcp", options.Bind); err != nil {
		return nil, fmt.Errorf("error creating listener: %w", err)
	}
	return s, nil
}

func prepareAWS(options Options) (roles.Resolver, creds.Issuer, error) {
	config, err := creds.Regional(options.Region)
	if err != nil {
		return roles.Resolver{}, nil, err
	}
	resolver := roles.Resolver{Prefix: options.RoleBaseARN}
	if options.RoleBaseARNAutodetect {
		log.Infof("detecting arn prefix")
		if resolver.Prefix, err = creds.DetectPrefix(); err != nil {
			return resolver, nil, fmt.Errorf("error detecting arn prefix: %s", err)
		}
		log.Infof("using detected prefix: %s", resolver.Prefix)
	}
	// An empty --assume-role-arn fails here, with the official "role can't be empty".
	own, err := resolver.Resolve(options.AssumeRoleARN)
	if err != nil {
		return resolver, nil, err
	}
	issuer, err := creds.AssumeFirst(config, own.ARN)
	return resolver, issuer, err
}

// Serve fetches ahead, fills the caches, then answers until Stop.
func (s *Server) Serve(ctx context.Context) error {
	creds.Prefetcher{Cache: s.cache, Pods: s.pods, Roles: s.roles}.Run(ctx, s.fetchers)
	if err := s.pods.Run(ctx); err != nil {
		return fmt.Errorf("error starting pod cache: %w", err)
	}
	if err := s.namespaces.Run(ctx); err != nil {
		return fmt.Errorf("error starting namespace cache: %w", err)
	}
	log.Infof("listening")
	return s.grpc.Serve(s.listener)
}

// Stop lets the calls under way finish.
func (s *Server) Stop() {
	s.grpc.GracefulStop()
	_ = s.listener.Close()
}

// Health answers "ok": who is asked can answer.
func (*Server) Health(context.Context, *rpc.Nothing) (*rpc.Health, error) {
	return &rpc.Health{Message: "ok"}, nil
}

// Role answers with the annotation of the pod that has the address.
func (s *Server) Role(_ context.Context, request *rpc.Address) (*rpc.RoleName, error) {
	logger := log.WithField("pod.ip", request.IP)
	pod, err := s.pods.ByAddress(request.IP)
	if err != nil {
		logger.Errorf("error finding pod: %s", err.Error())
		return nil, err
	}
	role := cluster.PodRole(pod)
	logger.WithField("pod.iam.role", role).Infof("found role")
	return &rpc.RoleName{Name: role}, nil
}

// Credentials answers with credentials if pod and namespace allow the role.
func (s *Server) Credentials(ctx context.Context, request *rpc.CredentialsRequest) (*rpc.Credentials, error) {
	pod, err := s.pods.ByAddress(request.IP)
	if errors.Is(err, cluster.ErrPodNotFound) {
		return nil, errPodNotFound
	} else if err != nil {
		return nil, err
	}
	logger := log.WithFields(cluster.PodFields(pod)).WithField("pod.iam.requestedRole", request.Role)
	denial, err := s.policy.Check(request.Role, pod)
	if err != nil {
		logger.Errorf("error checking policy: %s", err.Error())
		return nil, err
	}
	if denial != "" {
		logger.WithField("policy.explanation", denial).Errorf("pod denied by policy")
		s.warn(pod, "KiamRoleForbidden", fmt.Sprintf("failed assuming role %q: %s", request.Role, denial))
		return nil, errForbidden
	}
	identity, err := cluster.PodIdentity(pod, request.Role, s.roles)
	if err != nil {
		return nil, err
	}
	issued, err := s.cache.For(ctx, identity)
	if err != nil {
		logger.Errorf("error retrieving credentials: %s", err.Error())
		s.warn(pod, "KiamCredentialError", "failed retrieving credentials: "+brief(err))
		return nil, err
	}
	return &rpc.Credentials{
		Code:            issued.Code,
		Type:            issued.Type,
		AccessKeyID:     issued.AccessKeyId,
		SecretAccessKey: issued.SecretAccessKey,
		Token:           issued.Token,
		Expiration:      issued.Expiration,
		LastUpdated:     issued.LastUpdated,
	}, nil
}

func (s *Server) warn(pod *corev1.Pod, reason, message string) {
	s.events.Event(pod, corev1.EventTypeWarning, reason, message)
}

// brief leaves out an AWS error's request id, which would make every event a new one.
func brief(err error) string {
	var fromAWS awserr.Error
	if errors.As(err, &fromAWS) {
		return fromAWS.Code() + ": " + fromAWS.Message()
	}
	return err.Error()
}
