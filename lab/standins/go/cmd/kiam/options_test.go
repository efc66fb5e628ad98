package main

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/alecthomas/kingpin.v2"
)

// parse runs the flags of one command, with certificate files that exist.
func parse[Command any](t *testing.T, bind func(*kingpin.CmdClause) *Command, arguments ...string) (*Command, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	app := kingpin.New("kiam", "").Terminate(nil).UsageWriter(io.Discard).ErrorWriter(io.Discard)
	command := bind(app.Command("run", ""))
	_, err := app.Parse(append([]string{"run", "--cert", file, "--key", file, "--ca", file}, arguments...))
	return command, err
}

func TestAgentFlags(t *testing.T) {
	t.Setenv("HOST_IP", "10.0.0.1")
	agent, err := parse(t, bindAgent)
	if err != nil {
		t.Fatal(err)
	}
	if agent.iptables || !agent.iptablesRemove || agent.host != "10.0.0.1" || agent.http.Port != 3100 ||
		agent.hostInterface != "docker0" || agent.client.creation != time.Second || agent.http.AllowRoutes.String() != "^$" {
		t.Errorf("defaults: %+v", agent)
	}
	agent, err = parse(t, bindAgent, "--iptables", "--no-iptables-remove", "--host-interface=!eth0", "--port=8881",
		"--host=10.0.0.2", "--server-address=kiam-server:443", "--gateway-timeout-creation=30s", "--allow-route-regexp=.*")
	if err != nil {
		t.Fatal(err)
	}
	if !agent.iptables || agent.iptablesRemove || agent.host != "10.0.0.2" || agent.http.Port != 8881 ||
		agent.hostInterface != "!eth0" || agent.client.creation != 30*time.Second || agent.client.address != "kiam-server:443" {
		t.Errorf("given: %+v", agent)
	}
}

func TestServerFlags(t *testing.T) {
	server, err := parse(t, bindServer, "--region=us-east-1", "--disable-strict-namespace-regexp", "--session-duration=30m")
	if err != nil {
		t.Fatal(err)
	}
	if options := server.options; options.Fetchers != 8 || options.Sync != time.Minute || !options.DisableStrictNamespaceRegexp ||
		options.Session != "kiam" || options.SessionDuration != 30*time.Minute || options.Keepalive.MaxConnectionAge != 15*time.Minute {
		t.Errorf("got %+v", options)
	}
	// What official documentation suggests and charts pass.
	if _, err := parse(t, bindServer, "--json-log", "--level=warn", "--bind=0.0.0.0:443", "--role-base-arn-autodetect", "--sync=1m",
		"--prometheus-listen-addr=0.0.0.0:9620", "--prometheus-sync-interval=5s"); err != nil {
		t.Error(err)
	}
}

// The flags of the official v4.2, as its --help lists them.
func TestEveryOfficialFlagIsThere(t *testing.T) {
	const common = "json-log level cert key ca"
	const telemetry = " prometheus-listen-addr prometheus-sync-interval pprof-listen-addr"
	const client = " grpc-keepalive-time-duration grpc-keepalive-timeout-duration grpc-keepalive-permit-without-stream" +
		" server-address server-address-refresh gateway-timeout-creation"
	app := kingpin.New("kiam", "")
	bindAgent(app.Command("agent", ""))
	bindServer(app.Command("server", ""))
	bindHealth(app.Command("health", ""))
	for command, official := range map[string]string{
		"agent": common + telemetry + client +
			" port allow-ip-query allow-route-regexp iptables iptables-remove host host-interface",
		"server": common + telemetry + " fetchers prefetch-buffer-size bind kubeconfig sync role-base-arn" +
			" role-base-arn-autodetect disable-strict-namespace-regexp session session-duration session-refresh" +
			" assume-role-arn region grpc-keepalive-time-duration grpc-keepalive-timeout-duration" +
			" grpc-max-connection-idle-duration grpc-max-connection-age-duration grpc-max-connection-age-grace-duration",
		"health": common + client + " timeout",
	} {
		var names []string
		for _, flag := range app.GetCommand(command).Model().Flags {
			names = append(names, flag.Name)
		}
		want := strings.Fields(official)
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("%s: got  %v\nwant %v", command, names, want)
		}
	}
}

func TestRefusedFlags(t *testing.T) {
	for message, arguments := range map[string][]string{
		"unknown long flag '--iptables-remover'":  {"--host=h", "--iptables-remover"},
		"required flag --host not provided":       {},
		"enum value must be one of debug,info":    {"--host=h", "--level=loud"},
		"time: invalid duration":                  {"--host=h", "--gateway-timeout-creation=soon"},
		"missing argument to repetition operator": {"--host=h", "--allow-route-regexp=*"},
	} {
		if _, err := parse(t, bindAgent, arguments...); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%v: got %v, want %q", arguments, err, message)
		}
	}
}
