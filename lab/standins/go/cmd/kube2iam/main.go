// Command kube2iam stands in for jtblin/kube2iam 0.15.
package main

import (
	"fmt"
	"strings"

	log "github.com/sirupsen/logrus"
	"github.com/spf13/pflag"

	"kube2iam-to-kiam/lab/standins/go/internal/kube2iam"
	"kube2iam-to-kiam/lab/standins/go/internal/standin"
)

const version = "0.15.0"

func main() {
	standin.ShareMachine()
	options := kube2iam.Defaults()
	options.Bind(pflag.CommandLine)
	showVersion := pflag.Bool("version", false, "Print the version and exits")
	pflag.Parse()
	description := standin.Description("kube2iam", version)
	if *showVersion {
		fmt.Printf("Version: %s\n", description)
		return
	}
	level, err := log.ParseLevel(options.LogLevel)
	if err != nil {
		log.Fatal(err.Error())
	}
	if options.Verbose {
		level = log.DebugLevel
	}
	log.SetLevel(level)
	if strings.EqualFold(options.LogFormat, "json") {
		log.SetFormatter(&log.JSONFormatter{})
	}
	standin.KeepLogLines()
	log.Info(description)
	// There is no signal handler: SIGTERM ends the program at once, its connections with it, and
	// its rule stays. So it is with the official one.
	if err := kube2iam.Run(options); err != nil {
		log.Fatal(err.Error())
	}
}
