// Package kube2iam answers pods in place of the instance metadata service, with the credentials
// of the role that their annotation names.
package kube2iam

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	log "github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
)

// Options are the official flags; Bind names them.
type Options struct {
	Kubeconfig, APIServer, APIToken                     string
	Insecure                                            bool
	AppPort, MetricsPort                                string
	BaseRoleARN, DefaultRole                            string
	AutoDiscoverBaseARN, AutoDiscoverDefaultRole        bool
	RoleKey, ExternalIDKey                              string
	SessionTTL, ErrorTTL                                time.Duration
	MetadataAddress, HostInterface, HostIP, Node        string
	IPTables, Debug, Verbose                            bool
	NamespaceRestrictions                               bool
	NamespaceRestrictionFormat, NamespaceKey            string
	ResyncPeriod, BackoffMaxInterval, BackoffMaxElapsed time.Duration
	ResolveDuplicateIPs                                 bool
	LogFormat, LogLevel                                 string
}

// Defaults are the official ones.
func Defaults() *Options {
	return &Options{
		AppPort:                    "8181",
		MetricsPort:                "8181",
		RoleKey:                    "iam.amazonaws.com/role",
		ExternalIDKey:              "iam.amazonaws.com/external-id",
		SessionTTL:                 15 * time.Minute,
		MetadataAddress:            "169.254.169.254",
		HostInterface:              "docker0",
		NamespaceRestrictionFormat: "glob",
		NamespaceKey:               "iam.amazonaws.com/allowed-roles",
		ResyncPeriod:               30 * time.Minute,
		BackoffMaxInterval:         time.Second,
		BackoffMaxElapsed:          2 * time.Second,
		LogFormat:                  "text",
		LogLevel:                   "info",
	}
}

// Bind makes a flag of each option.
func (o *Options) Bind(flags *pflag.FlagSet) {
	text := func(target *string, name, help string) { flags.StringVar(target, name, *target, help) }
	yes := func(target *bool, name, help string) { flags.BoolVar(target, name, *target, help) }
	span := func(target *time.Duration, name, help string) { flags.DurationVar(target, name, *target, help) }

	text(&o.Kubeconfig, "kubeconfig", "Path of a kubeconfig")
	text(&o.APIServer, "api-server", "Endpoint of the API server")
	text(&o.APIToken, "api-token", "Token for the API server")
	yes(&o.Insecure, "insecure", "Do not verify the API server's certificate, for testing only")
	text(&o.AppPort, "app-port", "HTTP port")
	text(&o.MetricsPort, "metrics-port", "HTTP port of the metrics")
	text(&o.BaseRoleARN, "base-role-arn", "What role names lack to be ARNs")
	text(&o.DefaultRole, "default-role", "Role of pods without annotation")
	yes(&o.AutoDiscoverBaseARN, "auto-discover-base-arn", "Take the base ARN from the metadata service")
	yes(&o.AutoDiscoverDefaultRole, "auto-discover-default-role", "Take default role and base ARN from the metadata service")
	text(&o.RoleKey, "iam-role-key", "Pod annotation that holds the role")
	text(&o.ExternalIDKey, "iam-external-id", "Pod annotation that holds the external id")
	span(&o.SessionTTL, "iam-role-session-ttl", "How long credentials are kept; sessions last twice as long")
	span(&o.ErrorTTL, "iam-role-error-ttl", "How long errors are kept")
	text(&o.MetadataAddress, "metadata-addr", "Address of the metadata service")
	yes(&o.IPTables, "iptables", "Add the nat rule (needs --host-ip)")
	text(&o.HostInterface, "host-interface", "Interface that the pods' traffic comes in by")
	text(&o.HostIP, "host-ip", "Address of the node")
	text(&o.Node, "node", "Name of the node; only its pods are watched")
	yes(&o.NamespaceRestrictions, "namespace-restrictions", "Allow only the roles that the namespace names")
	text(&o.NamespaceRestrictionFormat, "namespace-restriction-format", "How it names them: glob or regexp")
	text(&o.NamespaceKey, "namespace-key", "Namespace annotation that holds them, a JSON array")
	span(&o.ResyncPeriod, "cache-resync-period", "Resync period of the caches")
	yes(&o.ResolveDuplicateIPs, "resolve-duplicate-cache-ips", "Ask the API server when several pods have an address")
	span(&o.BackoffMaxInterval, "backoff-max-interval", "Longest pause between attempts at finding a pod")
	span(&o.BackoffMaxElapsed, "backoff-max-elapsed-time", "How long to try to find a pod")
	yes(&o.Debug, "debug", "Serve /debug/store")
	text(&o.LogFormat, "log-format", "Log format: text or json")
	text(&o.LogLevel, "log-level", "Log level")
	yes(&o.Verbose, "verbose", "Log everything")
	// The official 0.15 accepts this too and uses the regional endpoint anyway.
	flags.Bool("use-regional-sts-endpoint", false, "Use the STS endpoint of AWS_REGION")
}

var baseARN = regexp.MustCompile(`^arn:(\w|-)*:iam::\d+:role\/?(\w+|-|\/|\.)*$`)

// complete checks the options against each other and asks the metadata service for what is to be
// discovered.
func (o *Options) complete(metadata instance) (err error) {
	if o.BaseRoleARN != "" {
		if !baseARN.MatchString(o.BaseRoleARN) {
			return fmt.Errorf("Invalid --base-role-arn specified, expected: %s", baseARN) //nolint:staticcheck // official wording
		}
		o.BaseRoleARN = strings.TrimSuffix(o.BaseRoleARN, "/") + "/"
	}
	if o.AutoDiscoverBaseARN {
		if o.BaseRoleARN != "" {
			return errors.New("--auto-discover-base-arn cannot be used if --base-role-arn is specified")
		}
		if o.BaseRoleARN, err = metadata.baseARN(); err != nil {
			return err
		}
		log.Infof("base ARN autodetected, %s", o.BaseRoleARN)
	}
	if o.AutoDiscoverDefaultRole {
		if o.DefaultRole != "" {
			return errors.New("You cannot use --default-role and --auto-discover-default-role at the same time") //nolint:staticcheck // official wording
		}
		if o.BaseRoleARN, err = metadata.baseARN(); err != nil {
			return err
		}
		if o.DefaultRole, err = metadata.get("iam/security-credentials/"); err != nil {
			return err
		}
		log.Infof("Using instance IAMRole %s%s as default", o.BaseRoleARN, o.DefaultRole)
	}
	return nil
}
