package kube2iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/cenkalti/backoff"
	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	log "github.com/sirupsen/logrus"

	"kube2iam-to-kiam/lab/standins/go/internal/nat"
)

const noHealthYet = "Healthcheck not yet performed"

// tokenPath is where IMDSv2 hands out session tokens.
var tokenPath = regexp.MustCompile("^/?[^/]+/api/token$")

type server struct {
	options *Options
	store   *store
	mapping *mapping
	issuer  *issuer
	health  *health
	proxy   http.Handler
}

// Run adds the rule if it is wanted, follows the cluster and answers pods. It returns errors only.
func Run(o *Options) error {
	if err := o.complete(instance{}); err != nil {
		return err
	}
	if o.IPTables {
		if err := addRule(o); err != nil {
			return err
		}
	}
	client, err := connect(o)
	if err != nil {
		return err
	}
	followed := watch(client, o)
	s := &server{
		options: o,
		store:   followed,
		mapping: newMapping(followed, o),
		issuer:  &issuer{sessionTTL: o.SessionTTL, errorTTL: o.ErrorTTL},
		health:  &health{},
		proxy:   httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: o.MetadataAddress}),
	}
	s.health.start()
	router := s.router()
	if o.MetricsPort == o.AppPort {
		router.Handle("/metrics", promhttp.Handler())
	} else {
		go serveMetrics(o.MetricsPort)
	}
	// Last, for it takes whatever nothing else took.
	router.Handle("/{path:.*}", logged(s.passOn))
	log.Infof("Listening on port %s", o.AppPort)
	//nolint:gosec // no time limits: the official one has none
	if err := http.ListenAndServe(":"+o.AppPort, router); err != nil {
		return fmt.Errorf("Error creating kube2iam http server: %+v", err) //nolint:staticcheck // official wording
	}
	return nil
}

func addRule(o *Options) error {
	if !strings.Contains(o.HostInterface, "+") {
		if _, err := net.InterfaceByName(o.HostInterface); err != nil {
			return err
		}
	}
	if o.HostIP == "" {
		return errors.New("--host-ip must be set")
	}
	return nat.Rule{
		Metadata:    o.MetadataAddress,
		Destination: o.HostIP + ":" + o.AppPort,
		Interface:   o.HostInterface,
	}.Append()
}

func serveMetrics(port string) {
	metrics := http.NewServeMux()
	metrics.Handle("/metrics", promhttp.Handler())
	//nolint:gosec // diagnostics only
	if err := http.ListenAndServe(":"+port, metrics); err != nil {
		log.Fatalf("Error creating metrics http server: %+v", err)
	}
}

func (s *server) router() *mux.Router {
	const roles = "/{version}/meta-data/iam/security-credentials"
	router := mux.NewRouter()
	if s.options.Debug {
		router.Handle("/debug/store", logged(s.debugStore))
	}
	router.Handle(roles, logged(s.roleName))
	router.Handle(roles+"/", logged(s.roleName))
	router.Handle(roles+"/{role:.*}", logged(s.credentials))
	router.Handle("/healthz", logged(s.healthz))
	return router
}

// logged logs each request and how it went, and turns a panic into an answer.
func logged(answer func(logger *log.Entry, w http.ResponseWriter, r *http.Request)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, begin := r.URL.Path, time.Now()
		logger := log.WithFields(log.Fields{
			"req.method": r.Method,
			"req.path":   path,
			"req.remote": callerAddress(r.RemoteAddr),
		})
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if reason := recover(); reason != nil {
				logger.WithField("res.status", http.StatusInternalServerError).
					Errorf("PANIC error processing request: %+v", reason)
				http.Error(w, fmt.Sprint(reason), http.StatusInternalServerError)
			}
		}()
		answer(logger, recorder, r)
		if path == "/healthz" {
			return
		}
		took := float64(time.Since(begin)) / float64(time.Millisecond)
		logger.WithFields(log.Fields{"res.duration": took, "res.status": recorder.status}).
			Infof("%s %s (%d) took %f ms", r.Method, path, recorder.status, took)
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// mapped finds the caller's role. A pod may be younger than what the watch has told: it tries for
// a while.
func (s *server) mapped(r *http.Request) (found mapped, err error) {
	strategy := backoff.NewExponentialBackOff()
	strategy.MaxInterval = s.options.BackoffMaxInterval
	strategy.MaxElapsedTime = s.options.BackoffMaxElapsed
	ip := callerAddress(r.RemoteAddr)
	err = backoff.Retry(func() error {
		found, err = s.mapping.find(ip)
		return err
	}, strategy)
	return found, err
}

func (s *server) roleName(logger *log.Entry, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	found, err := s.mapped(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if _, err := w.Write([]byte(s.mapping.shown(found.role))); err != nil {
		logger.Errorf("Error writing response: %+v", err)
	}
}

func (s *server) credentials(logger *log.Entry, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	found, err := s.mapped(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	logger = logger.WithFields(log.Fields{"pod.iam.role": found.role, "ns.name": found.namespace})
	wanted := mux.Vars(r)["role"]
	if s.mapping.roleARN(wanted) != found.role {
		logger.WithField("params.iam.role", wanted).Error("Invalid role: does not match annotated role")
		http.Error(w, "Invalid role "+wanted, http.StatusForbidden)
		return
	}
	issued, err := s.issuer.issue(found.role, found.externalID, callerAddress(r.RemoteAddr))
	if err != nil {
		logger.Errorf("Error assuming role %+v", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if err := json.NewEncoder(w).Encode(issued); err != nil {
		logger.Errorf("Error sending json %+v", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// passOn lets the instance metadata service answer: pods see the node's own data there.
func (s *server) passOn(logger *log.Entry, w http.ResponseWriter, r *http.Request) {
	wantsToken := r.Method == http.MethodPut && tokenPath.MatchString(r.URL.Path)
	hasToken := r.Method == http.MethodGet && r.Header.Get("X-aws-ec2-metadata-token") != ""
	if wantsToken || hasToken {
		// Without an address the proxy adds no X-Forwarded-For, which IMDSv2 refuses.
		r.RemoteAddr = ""
	}
	s.proxy.ServeHTTP(w, r)
	logger.WithField("metadata.url", s.options.MetadataAddress).Debug("Proxy ec2 metadata request")
}

func callerAddress(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	return ""
}
