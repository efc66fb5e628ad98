package main

import (
	"net/http"
	_ "net/http/pprof" //nolint:gosec // served only where --pprof-listen-addr says so
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	log "github.com/sirupsen/logrus"
	"google.golang.org/grpc/keepalive"
	"gopkg.in/alecthomas/kingpin.v2"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
	"kube2iam-to-kiam/lab/standins/go/internal/standin"
)

// logOptions say how to log.
type logOptions struct {
	json  bool
	level string
}

func (o *logOptions) bind(command *kingpin.CmdClause) {
	command.Flag("json-log", "Log as JSON").BoolVar(&o.json)
	command.Flag("level", "Log level: debug, info, warn, error.").Default("info").
		EnumVar(&o.level, "debug", "info", "warn", "error")
}

// apply sets the logger up and logs what this program is.
func (o *logOptions) apply() {
	if o.json {
		log.SetFormatter(&log.JSONFormatter{})
	}
	if level, err := log.ParseLevel(o.level); err == nil {
		log.SetLevel(level)
	}
	log.Info(standin.Description("kiam", version))
}

// telemetryOptions say where to serve metrics and profiles. The metrics are the Go runtime's own.
type telemetryOptions struct {
	prometheus string
	pprof      string
}

func (o *telemetryOptions) bind(command *kingpin.CmdClause) {
	command.Flag("prometheus-listen-addr", "Address to serve Prometheus metrics at, e.g. localhost:9620").
		StringVar(&o.prometheus)
	command.Flag("prometheus-sync-interval", "How often to update metrics (no effect here)").Default("5s").Duration()
	command.Flag("pprof-listen-addr", "Address to serve profiles at, e.g. localhost:9990").Default("").StringVar(&o.pprof)
}

func (o *telemetryOptions) start() {
	if o.prometheus != "" {
		metrics := http.NewServeMux()
		metrics.Handle("/metrics", promhttp.Handler())
		log.Infof("started prometheus metric listener %s", o.prometheus)
		go serve(o.prometheus, metrics)
	}
	if o.pprof != "" {
		log.Infof("pprof listen address specified, will listen on %s", o.pprof)
		go serve(o.pprof, http.DefaultServeMux)
	}
}

func serve(address string, handler http.Handler) {
	//nolint:gosec // diagnostics only
	if err := http.ListenAndServe(address, handler); err != nil {
		log.Errorf("error serving %s: %s", address, err.Error())
	}
}

// bindFiles binds the flags for certificate, key and CA.
func bindFiles(command *kingpin.CmdClause) *rpc.Files {
	files := &rpc.Files{}
	command.Flag("cert", "Certificate path").Required().ExistingFileVar(&files.Certificate)
	command.Flag("key", "Key path").Required().ExistingFileVar(&files.Key)
	command.Flag("ca", "CA certificate path").Required().ExistingFileVar(&files.CA)
	return files
}

// clientOptions say how to reach the server.
type clientOptions struct {
	address   string
	creation  time.Duration
	keepalive keepalive.ClientParameters
}

func (o *clientOptions) bind(command *kingpin.CmdClause) {
	command.Flag("grpc-keepalive-time-duration", "gRPC keepalive time").Default("10s").DurationVar(&o.keepalive.Time)
	command.Flag("grpc-keepalive-timeout-duration", "gRPC keepalive timeout").Default("2s").DurationVar(&o.keepalive.Timeout)
	command.Flag("grpc-keepalive-permit-without-stream", "gRPC keepalive pings even without calls").
		BoolVar(&o.keepalive.PermitWithoutStream)
	command.Flag("server-address", "Address of the kiam servers, host:port").Default("localhost:9610").StringVar(&o.address)
	command.Flag("server-address-refresh", "Deprecated, no effect").Default("0s").Duration()
	command.Flag("gateway-timeout-creation", "How long the first connection to a server may take").
		Default("1s").DurationVar(&o.creation)
}
