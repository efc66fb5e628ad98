// Command kiam stands in for uswitch/kiam v4.2: agent, server and health check.
package main

import (
	"fmt"

	log "github.com/sirupsen/logrus"
	"gopkg.in/alecthomas/kingpin.v2"

	"kube2iam-to-kiam/lab/standins/go/internal/standin"
)

const version = "v4.2"

func main() {
	standin.ShareMachine()
	app := kingpin.CommandLine
	app.Version(standin.Description("kiam", version))

	agent := bindAgent(app.Command("agent", "run the agent"))
	server := bindServer(app.Command("server", "run the server"))
	health := bindHealth(app.Command("health", "run the health check"))

	var err error
	switch kingpin.Parse() {
	case "agent":
		if err = agent.run(); err != nil {
			err = fmt.Errorf("fatal error: %w", err)
		}
	case "server":
		err = server.run()
	case "health":
		err = health.run()
	}
	if err != nil {
		log.Fatal(err.Error())
	}
}
