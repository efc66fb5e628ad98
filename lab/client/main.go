// Command client measures what an application feels during the migration. It asks for
// credentials the way an SDK does, without pause, and writes down every request.
//
//	client --mode fresh --expect-role app-orders --record /records/orders.jsonl --sts http://10.99.0.254:4566
//
// One request is what an SDK does: GET the role's name, then GET that role's credentials.
// Each of the two exchanges has to end within one second, the SDKs' own limit. In mode
// fresh every exchange has a connection of its own; in mode keepalive one connection is
// used for as long as the server keeps it. Go's transport retries once, silently, where a
// reused connection turns out closed, as ordinary HTTP clients do; nothing else is retried.
//
// Who the credentials belong to is asked of STS (GetCallerIdentity), once for each access key.
//
// SIGTERM: the request under way is finished, what is known is written, status 0.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

type settings struct {
	mode      string
	interval  time.Duration
	expected  string
	nodeRoles []string
	record    string
	metadata  string
	sts       string
	region    string
}

func main() {
	given, err := parse()
	if err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(2)
	}
	if err := run(given); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func parse() (settings, error) {
	var given settings
	var nodeRoles string
	flag.StringVar(&given.mode, "mode", "fresh", "fresh or keepalive")
	flag.DurationVar(&given.interval, "interval", 100*time.Millisecond, "time between the starts of two requests")
	flag.StringVar(&given.expected, "expect-role", "", "name (path and ARN are cut off) of the role the pod is to get")
	flag.StringVar(&nodeRoles, "node-roles", "nodes.lab.k8s.local,masters.lab.k8s.local", "the nodes' own roles: getting one is the worst answer")
	flag.StringVar(&given.record, "record", "", "file the requests are appended to (JSON lines)")
	flag.StringVar(&given.metadata, "metadata", "http://169.254.169.254", "instance metadata")
	flag.StringVar(&given.sts, "sts", "", "STS endpoint that tells who the credentials belong to")
	flag.StringVar(&given.region, "region", "us-east-1", "region requests to STS are signed for")
	flag.Parse()
	given.expected = roleName(given.expected)
	given.nodeRoles = strings.Split(nodeRoles, ",")
	switch {
	case flag.NArg() > 0:
		return given, fmt.Errorf("unexpected argument %q", flag.Arg(0))
	case given.mode != "fresh" && given.mode != "keepalive":
		return given, fmt.Errorf("--mode %q is neither fresh nor keepalive", given.mode)
	case given.interval <= 0:
		return given, fmt.Errorf("--interval must be positive")
	case given.expected == "" || given.record == "" || given.sts == "":
		return given, fmt.Errorf("--expect-role, --record and --sts are needed")
	}
	return given, nil
}

func run(given settings) error {
	// Many of these share a small machine with the cluster they measure.
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)

	file, err := os.OpenFile(given.record, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()

	stopped, done := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer done()

	who := newResolver(given.sts, given.region)
	write := newRecorder(file, given.mode, who, judge{expected: given.expected, nodeRoles: given.nodeRoles})
	source := newSource(given.metadata, given.mode == "keepalive")

	ticker := time.NewTicker(given.interval)
	defer ticker.Stop()
	for stopped.Err() == nil {
		began := time.Now()
		got, err := source.credentials()
		write.add(outcome{began: began, took: time.Since(began), got: got, err: err, stopping: stopped.Err() != nil})
		select {
		case <-ticker.C:
		case <-stopped.Done():
		}
	}
	return write.close()
}
