package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"time"
)

// outcome is one request as the loop saw it.
type outcome struct {
	began    time.Time
	took     time.Duration
	got      credentials
	err      error
	stopping bool
}

// Kinds of record.
const (
	kindOK     = "ok"
	kindFailed = "failed"
	kindWrong  = "wrong"
	// kindWarmup: failed before the pod ever got credentials, while the cluster starts.
	kindWarmup = "warmup"
	// kindStopping: failed while this client was being stopped; says nothing about the cluster.
	kindStopping = "stopping"
	// kindEnd: the client ended because it was told to.
	kindEnd = "end"
)

// record is one line of the file.
type record struct {
	Time       string  `json:"time"`
	Pod        string  `json:"pod"`
	Namespace  string  `json:"namespace"`
	Node       string  `json:"node"`
	Mode       string  `json:"mode"`
	DurationMs float64 `json:"durationMs"`
	Expected   string  `json:"expected"`
	Role       string  `json:"role,omitempty"`
	Identity   string  `json:"identity,omitempty"`
	Kind       string  `json:"kind"`
	// NodeOwnRole: the answer was the node's own role.
	NodeOwnRole bool   `json:"nodeOwnRole,omitempty"`
	Cause       string `json:"cause,omitempty"`
	Error       string `json:"error,omitempty"`
	// IdentityError: STS could not be asked, so only the answered role's name was checked.
	IdentityError string `json:"identityError,omitempty"`
}

type judge struct {
	expected  string
	nodeRoles []string
	opened    bool
}

// verdict fills in kind, cause and error. The first answer opens the record: what failed
// before it is warm-up, what fails after it never is. A wrong identity never is either.
func (j *judge) verdict(line *record, from outcome, arn string, identityErr error) {
	err := from.err
	var refused *refusedByService
	if err == nil && errors.As(identityErr, &refused) {
		err, identityErr = &failure{"refused by STS", refused.Error()}, nil
	}
	line.Role, line.Identity = from.got.role, arn
	var failed *failure
	if errors.As(err, &failed) {
		line.Cause, line.Error = failed.cause, failed.text
		switch {
		case from.stopping:
			line.Kind = kindStopping
		case !j.opened:
			line.Kind = kindWarmup
		default:
			line.Kind = kindFailed
		}
		return
	}
	j.opened = true
	line.Kind = kindOK
	if identityErr != nil {
		line.IdentityError = identityErr.Error()
	}
	answered := roleName(from.got.role)
	line.NodeOwnRole = slices.Contains(j.nodeRoles, answered) || slices.Contains(j.nodeRoles, sessionRole(arn))
	if answered != j.expected || (arn != "" && sessionRole(arn) != j.expected) {
		line.Kind = kindWrong
	}
}

// recorder writes outcomes in order, on a goroutine of its own: asking STS never delays a request.
type recorder struct {
	outcomes chan outcome
	result   chan error
}

func newRecorder(to io.Writer, mode string, who *resolver, j judge) *recorder {
	r := &recorder{outcomes: make(chan outcome, 4096), result: make(chan error, 1)}
	go func() { r.result <- r.write(to, mode, who, j) }()
	return r
}

func (r *recorder) add(one outcome) { r.outcomes <- one }

// close ends the record and waits until everything is written.
func (r *recorder) close() error {
	close(r.outcomes)
	return <-r.result
}

func (r *recorder) write(to io.Writer, mode string, who *resolver, j judge) error {
	buffer := bufio.NewWriter(to)
	encoder := json.NewEncoder(buffer)
	encoder.SetEscapeHTML(false)
	base := record{
		Pod:       os.Getenv("POD_NAME"),
		Namespace: os.Getenv("POD_NAMESPACE"),
		Node:      os.Getenv("NODE_NAME"),
		Mode:      mode,
		Expected:  j.expected,
	}
	for one := range r.outcomes {
		line := base
		line.Time = one.began.UTC().Format(time.RFC3339Nano)
		line.DurationMs = float64(one.took.Microseconds()) / 1000
		var arn string
		var identityErr error
		if one.err == nil {
			arn, identityErr = who.arn(one.got)
		}
		j.verdict(&line, one, arn, identityErr)
		if err := encoder.Encode(line); err != nil {
			return err
		}
		// A kill loses no line: nothing is kept back, unless more has come while STS was asked.
		if len(r.outcomes) > 0 {
			continue
		}
		if err := buffer.Flush(); err != nil {
			return err
		}
	}
	base.Time, base.Kind = time.Now().UTC().Format(time.RFC3339Nano), kindEnd
	if err := encoder.Encode(base); err != nil {
		return err
	}
	return buffer.Flush()
}
