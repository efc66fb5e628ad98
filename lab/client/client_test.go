package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const good = `{"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"s","Token":"t","Expiration":"2999-01-01T00:00:00Z"}`

// metadata answers with a role and a body, and counts the connections made to it.
func metadata(t *testing.T, role string, answer http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == credentialsPath {
			fmt.Fprint(w, role)
			return
		}
		answer(w, r)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server, &connections
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
}

func TestConnectionsByMode(t *testing.T) {
	for _, mode := range []struct {
		keepalive bool
		wanted    int32
	}{{false, 6}, {true, 1}} {
		server, connections := metadata(t, "app", says(good))
		source := newSource(server.URL, mode.keepalive)
		for range 3 {
			if _, err := source.credentials(); err != nil {
				t.Fatal(err)
			}
		}
		if got := connections.Load(); got != mode.wanted {
			t.Errorf("keepalive=%v: %d connections for 3 requests, wanted %d", mode.keepalive, got, mode.wanted)
		}
	}
}

func TestReusedConnectionThatWasClosedIsRetriedSilently(t *testing.T) {
	server, connections := metadata(t, "app", says(good))
	source := newSource(server.URL, true)
	if _, err := source.credentials(); err != nil {
		t.Fatal(err)
	}
	server.CloseClientConnections()
	if _, err := source.credentials(); err != nil {
		t.Fatalf("after the server closed the idle connection: %v", err)
	}
	if got := connections.Load(); got != 2 {
		t.Errorf("%d connections, wanted 2", got)
	}
}

func TestKindsOfFailure(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for cause, answer := range map[string]http.HandlerFunc{
		"status 404": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "pod not found", 404) },
		"not JSON":   says("<html>"),
		"code":       says(strings.Replace(good, "Success", "Failed", 1)),
		"incomplete": says(strings.Replace(good, `"Token":"t"`, `"Token":""`, 1)),
		"expired":    says(strings.Replace(good, "2999", "1999", 1)),
		"closed": func(w http.ResponseWriter, _ *http.Request) {
			connection, _, _ := w.(http.Hijacker).Hijack()
			connection.Close()
		},
		"timeout": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"refused": nil,
	} {
		t.Run(cause, func(t *testing.T) {
			t.Parallel()
			base := "http://" + closed.Addr().String()
			if answer != nil {
				server, _ := metadata(t, "app", answer)
				base = server.URL
			}
			_, err := newSource(base, false).credentials()
			failed, ok := err.(*failure)
			if !ok || failed.cause != cause {
				t.Errorf("got %#v", err)
			}
		})
	}
}

// sts answers GetCallerIdentity by access key; other keys are refused.
func sts(t *testing.T, arns map[string]string) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		key, _, _ := strings.Cut(rest, "/")
		if arn, known := arns[key]; known {
			fmt.Fprintf(w, "<R><GetCallerIdentityResult><Arn>%s</Arn></GetCallerIdentityResult></R>", arn)
			return
		}
		w.WriteHeader(403)
		fmt.Fprint(w, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>")
	}))
	t.Cleanup(server.Close)
	return server, &asked
}

func TestRecord(t *testing.T) {
	const session = "arn:aws:sts::123456789012:assumed-role/"
	server, asked := sts(t, map[string]string{
		"ASIA1": session + "app/1", "ASIA2": session + "nodes.lab.k8s.local/i-0", "ASIA3": session + "other/1",
	})
	var file bytes.Buffer
	recorder := newRecorder(&file, "fresh", newResolver(server.URL, "us-east-1"), judge{expected: "app", nodeRoles: []string{"nodes.lab.k8s.local"}})
	answer := func(role, key string) outcome {
		return outcome{began: time.Now(), got: credentials{role: role, AccessKeyId: key}}
	}
	refused := outcome{began: time.Now(), err: &failure{"refused", "connection refused"}}
	stopping := refused
	stopping.stopping = true
	for _, one := range []outcome{
		refused, answer("app", "ASIA1"), refused, answer("teams/app", "ASIA1"),
		answer("nodes.lab.k8s.local", "ASIA2"), answer("app", "ASIA2"), answer("app", "ASIA3"),
		answer("app", "ASIA9"), stopping,
	} {
		recorder.add(one)
	}
	if err := recorder.close(); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	lines := bufio.NewScanner(&file)
	for lines.Scan() {
		var line record
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		kind := line.Kind
		if line.NodeOwnRole {
			kind += "!"
		}
		kinds = append(kinds, kind)
	}
	const wanted = "warmup ok failed ok wrong! wrong! wrong failed stopping end"
	if got := strings.Join(kinds, " "); got != wanted {
		t.Errorf("got    %s\nwanted %s", got, wanted)
	}
	if asked.Load() != 4 {
		t.Errorf("STS was asked %d times for 4 access keys", asked.Load())
	}
}

func TestRequestsGoOnWithoutSTS(t *testing.T) {
	var file bytes.Buffer
	recorder := newRecorder(&file, "fresh", newResolver("http://127.0.0.1:1", "us-east-1"), judge{expected: "app"})
	recorder.add(outcome{began: time.Now(), got: credentials{role: "app", AccessKeyId: "ASIA1"}})
	recorder.add(outcome{began: time.Now(), got: credentials{role: "other", AccessKeyId: "ASIA1"}})
	if err := recorder.close(); err != nil {
		t.Fatal(err)
	}
	text := file.String()
	for _, wanted := range []string{`"kind":"ok"`, `"kind":"wrong"`, `"identityError":"`} {
		if !strings.Contains(text, wanted) {
			t.Errorf("no %s in %s", wanted, text)
		}
	}
}
