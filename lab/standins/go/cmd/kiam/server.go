package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	log "github.com/sirupsen/logrus"
	"gopkg.in/alecthomas/kingpin.v2"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/server"
)

// shortestSession is STS's own minimum.
const shortestSession = 15 * time.Minute

type serverCommand struct {
	log       logOptions
	telemetry telemetryOptions
	files     *rpc.Files
	options   server.Options
}

func bindServer(command *kingpin.CmdClause) *serverCommand {
	o := &serverCommand{}
	o.log.bind(command)
	o.telemetry.bind(command)
	o.files = bindFiles(command)
	s := &o.options
	command.Flag("fetchers", "How many fetch credentials at a time").Default("8").IntVar(&s.Fetchers)
	command.Flag("prefetch-buffer-size", "How many pods may wait to have credentials fetched").
		Default("1000").IntVar(&s.PrefetchBufferSize)
	command.Flag("bind", "gRPC bind address").Default("localhost:9610").StringVar(&s.Bind)
	command.Flag("kubeconfig", "Path of a kubeconfig (empty: in-cluster)").Default("").StringVar(&s.Kubeconfig)
	command.Flag("sync", "Pod cache sync interval").Default("1m").DurationVar(&s.Sync)
	command.Flag("role-base-arn", "What role names lack to be ARNs, e.g. arn:aws:iam::123456789012:role/").
		StringVar(&s.RoleBaseARN)
	command.Flag("role-base-arn-autodetect", "Take it from the instance profile in the metadata service").
		BoolVar(&s.RoleBaseARNAutodetect)
	command.Flag("disable-strict-namespace-regexp", "Do not anchor namespaces' expressions").
		BoolVar(&s.DisableStrictNamespaceRegexp)
	command.Flag("session", "Session name at STS").Default("kiam").StringVar(&s.Session)
	command.Flag("session-duration", "Session duration at STS").Default("15m").DurationVar(&s.SessionDuration)
	command.Flag("session-refresh", "How long before their end credentials are renewed").Default("5m").DurationVar(&s.SessionRefresh)
	command.Flag("assume-role-arn", "Role to assume before any other").Default("").StringVar(&s.AssumeRoleARN)
	command.Flag("region", "Region whose own STS endpoint is used (empty: the global one)").Default("").StringVar(&s.Region)
	k := &s.Keepalive
	command.Flag("grpc-keepalive-time-duration", "gRPC keepalive time").Default("10s").DurationVar(&k.Time)
	command.Flag("grpc-keepalive-timeout-duration", "gRPC keepalive timeout").Default("2s").DurationVar(&k.Timeout)
	command.Flag("grpc-max-connection-idle-duration", "gRPC max connection idle").Default("15m").DurationVar(&k.MaxConnectionIdle)
	command.Flag("grpc-max-connection-age-duration", "gRPC max connection age").Default("15m").DurationVar(&k.MaxConnectionAge)
	command.Flag("grpc-max-connection-age-grace-duration", "gRPC max connection age grace").
		Default("15m").DurationVar(&k.MaxConnectionAgeGrace)
	return o
}

func (o *serverCommand) run() error {
	o.log.apply()
	o.options.Files = *o.files
	if !o.options.RoleBaseARNAutodetect && o.options.RoleBaseARN == "" {
		return errors.New("role-base-arn not specified and not auto-detected. " +
			"please specify or use --role-base-arn-autodetect")
	}
	if o.options.SessionDuration < shortestSession {
		return errors.New("session-duration should be at least 15 minutes")
	}
	o.telemetry.start()
	log.Infof("starting server")
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	s, err := server.New(o.options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-signals
		log.Infof("stopping server")
		s.Stop()
		cancel()
	}()
	log.Infof("will serve on %s", o.options.Bind)
	if err := s.Serve(ctx); err != nil {
		return err
	}
	log.Infoln("stopped")
	return nil
}
