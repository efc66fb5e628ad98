package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	log "github.com/sirupsen/logrus"
	"gopkg.in/alecthomas/kingpin.v2"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/metadata"
	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
	"kube2iam-to-kiam/lab/standins/go/internal/nat"
)

const metadataAddress = "169.254.169.254"

type agentCommand struct {
	log            logOptions
	telemetry      telemetryOptions
	client         clientOptions
	files          *rpc.Files
	http           metadata.Options
	iptables       bool
	iptablesRemove bool
	host           string
	hostInterface  string
}

func bindAgent(command *kingpin.CmdClause) *agentCommand {
	o := &agentCommand{http: metadata.Options{Metadata: "http://" + metadataAddress}}
	o.log.bind(command)
	o.telemetry.bind(command)
	o.files = bindFiles(command)
	o.client.bind(command)
	command.Flag("port", "HTTP port").Default("3100").IntVar(&o.http.Port)
	command.Flag("allow-ip-query", "Let requests name the pod's address with ?ip=, for development only").
		Default("false").BoolVar(&o.http.AllowIPQuery)
	command.Flag("allow-route-regexp", "Pass requests for matching paths on to the metadata service").
		Default("^$").RegexpVar(&o.http.AllowRoutes)
	command.Flag("iptables", "Add the nat rule").Default("false").BoolVar(&o.iptables)
	command.Flag("iptables-remove", "Remove the nat rule at shutdown").Default("true").BoolVar(&o.iptablesRemove)
	command.Flag("host", "Address of the node").Envar("HOST_IP").Required().StringVar(&o.host)
	command.Flag("host-interface", "Interface that the pods' traffic comes in by; !name is any other").
		Default("docker0").StringVar(&o.hostInterface)
	return o
}

// run follows the official order, which matters: the rule is there before the server has been
// reached, and it stays, with nothing listening, from the end of the HTTP server to the removal.
func (o *agentCommand) run() error {
	o.log.apply()
	if o.iptables {
		rule := nat.Rule{
			Metadata:    metadataAddress,
			Destination: fmt.Sprintf("%s:%d", o.host, o.http.Port),
			Interface:   o.hostInterface,
		}
		log.Infof("configuring iptables")
		if err := rule.Append(); err != nil {
			log.Errorf("error configuring iptables: %s", err.Error())
			return err
		}
		if o.iptablesRemove {
			defer remove(rule)
		}
	}
	o.telemetry.start()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	creation, cancel := context.WithTimeout(context.Background(), o.client.creation)
	defer cancel()
	client, err := rpc.Dial(creation, o.client.address, *o.files, o.client.keepalive)
	if err != nil {
		err = fmt.Errorf("error dialing grpc server: %w", err)
		log.Errorf("error creating server gateway: %s", err.Error())
		return err
	}
	defer client.Close()

	server, err := metadata.NewServer(o.http, client)
	if err != nil {
		log.Errorf("error creating agent http server: %s", err.Error())
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()

	select {
	case err := <-ended:
		log.Errorf("error running server: %s", err.Error())
		return err
	case received := <-signals:
		log.Infof("received signal (%s): starting server shutdown", received)
		if err := server.Stop(context.Background()); err != nil {
			log.Errorf("error shutting down server: %s", err.Error())
			return err
		}
		log.Infoln("gracefully shutdown server")
	}
	log.Infoln("stopped")
	return nil
}

func remove(rule nat.Rule) {
	log.Infof("undoing iptables changes")
	if err := rule.Delete(); err != nil {
		// The official agent means to try again but trips over a nil error while saying so, and
		// dies of it. Exit status and rule are what others see, so they are the same here.
		panic(fmt.Sprintf("failed to remove iptables rule: %s", err))
	}
	log.Info("iptables rule was successfully removed")
}
