package main

import (
	"context"
	"fmt"
	"time"

	"github.com/cenkalti/backoff"
	log "github.com/sirupsen/logrus"
	"gopkg.in/alecthomas/kingpin.v2"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
)

const healthRetry = 100 * time.Millisecond

type healthCommand struct {
	log     logOptions
	client  clientOptions
	files   *rpc.Files
	timeout time.Duration
}

func bindHealth(command *kingpin.CmdClause) *healthCommand {
	o := &healthCommand{}
	o.log.bind(command)
	o.files = bindFiles(command)
	o.client.bind(command)
	command.Flag("timeout", "How long the server may take to say that it is well").Default("1s").DurationVar(&o.timeout)
	return o
}

func (o *healthCommand) run() error {
	o.log.apply()
	creation, cancel := context.WithTimeout(context.Background(), o.client.creation)
	defer cancel()
	client, err := rpc.Dial(creation, o.client.address, *o.files, o.client.keepalive)
	if err != nil {
		return fmt.Errorf("error creating server gateway: error dialing grpc server: %w", err)
	}
	defer client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	err = backoff.Retry(func() error {
		health, err := client.Health(ctx)
		if err != nil {
			log.Warnf("error checking health: %s", err.Error())
			return err
		}
		log.Infof("healthy: %s", health)
		return nil
	}, backoff.WithContext(backoff.NewConstantBackOff(healthRetry), ctx))
	if err != nil {
		return fmt.Errorf("error retrieving health: %w", err)
	}
	return nil
}
