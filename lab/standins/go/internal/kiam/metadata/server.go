// Package metadata is the kiam agent's HTTP side: what pods take for the instance metadata service.
package metadata

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gorilla/mux"
	log "github.com/sirupsen/logrus"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
)

const (
	// requestLimit is how long one request may take, all attempts at asking the server included.
	requestLimit = 5 * time.Second
	// shutdownLimit is how long Stop waits for requests under way.
	shutdownLimit = 5 * time.Second
)

// Upstream is the kiam server as the agent sees it.
type Upstream interface {
	Role(ctx context.Context, ip string) (string, error)
	Credentials(ctx context.Context, ip, role string) (*rpc.Credentials, error)
	Health(ctx context.Context) (string, error)
}

// Options of the HTTP server.
type Options struct {
	// Port to listen on, all addresses.
	Port int
	// AllowIPQuery lets a request name the pod's address as ?ip=, for development.
	AllowIPQuery bool
	// AllowRoutes matches the paths that are passed on to the instance metadata service.
	AllowRoutes *regexp.Regexp
	// Metadata is the base URL of the instance metadata service.
	Metadata string
}

// Server answers pods.
type Server struct {
	options Options
	http    *http.Server
}

// NewServer makes a server; Serve starts it.
func NewServer(options Options, upstream Upstream) (*Server, error) {
	metadata, err := url.Parse(options.Metadata)
	if err != nil {
		return nil, err
	}
	h := handlers{options: options, upstream: upstream, proxy: httputil.NewSingleHostReverseProxy(metadata)}
	const roles = "/{version}/meta-data/iam/security-credentials"
	router := mux.NewRouter()
	router.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "pong") })
	router.Handle("/health", handler(h.health))
	router.Handle(roles+"/", handler(h.role))
	router.HandleFunc(roles, withSlash)
	router.Handle(roles+"/{role:.*}", handler(h.credentials))
	router.PathPrefix("/").Handler(handler(h.other))
	return &Server{
		options: options,
		//nolint:gosec // no time limits on reading headers: the official one has none
		http: &http.Server{Addr: fmt.Sprintf(":%d", options.Port), Handler: logged(router)},
	}, nil
}

// Serve listens until Stop.
func (s *Server) Serve() error {
	log.Infof("listening :%d", s.options.Port)
	return s.http.ListenAndServe()
}

// Stop stops listening, then waits for the requests under way.
func (s *Server) Stop(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, shutdownLimit)
	defer cancel()
	return s.http.Shutdown(limited)
}

// handler answers a request, or says with which status and why it cannot.
type handler func(ctx context.Context, w http.ResponseWriter, r *http.Request) (int, error)

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestLimit)
	defer cancel()
	if status, err := h(ctx, w, r); err != nil {
		log.WithFields(fields(r)).WithField("status", status).Errorf("error processing request: %s", err.Error())
		http.Error(w, err.Error(), status)
	}
}

func fields(r *http.Request) log.Fields {
	return log.Fields{"addr": r.RemoteAddr, "method": r.Method, "path": r.URL.Path}
}

// statusRecorder remembers the status that went out.
type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorder, r)
		level := log.DebugLevel
		if recorder.status >= http.StatusBadRequest {
			level = log.InfoLevel
		}
		// Most requests are not logged, and putting an entry together takes longer than the rest here.
		if !log.IsLevelEnabled(level) {
			return
		}
		logger := log.WithFields(fields(r)).WithFields(log.Fields{
			"status":   recorder.status,
			"duration": float64(time.Since(begin) / time.Millisecond),
			"headers":  w.Header(),
		})
		logger.Log(level, "processed request")
	})
}

// callerAddress is the address part of addr:port.
func callerAddress(remote string) (string, error) {
	colon := strings.LastIndex(remote, ":")
	if colon < 0 {
		return "", fmt.Errorf("incorrect format, expected ip:port, was: %s", remote)
	}
	return remote[:colon], nil
}
