package metadata

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
)

// upstream knows 10.0.0.1 (role app) and 10.0.0.2 (no role); 10.0.0.3 it knows at the third try.
type upstream struct {
	tries  atomic.Int32
	health string
}

func (u *upstream) Role(_ context.Context, ip string) (string, error) {
	switch ip {
	case "10.0.0.2":
		return "", nil
	case "10.0.0.3":
		if u.tries.Add(1) < 3 {
			return "", errors.New("pod not found")
		}
	}
	return "teams/app", nil
}

func (u *upstream) Credentials(_ context.Context, ip, role string) (*rpc.Credentials, error) {
	u.tries.Add(1)
	if role != "teams/app" {
		return nil, status.Error(codes.Unknown, forbidden)
	}
	return &rpc.Credentials{Code: "Success", AccessKeyID: ip}, nil
}

func (u *upstream) Health(context.Context) (string, error) { return u.health, nil }

func TestAnswers(t *testing.T) {
	const roles = "/latest/meta-data/iam/security-credentials"
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Forwarded-For") != "" {
			t.Error("X-Forwarded-For was added, which IMDSv2 refuses")
		}
		_, _ = w.Write([]byte("metadata " + r.URL.Path))
	}))
	defer metadata.Close()
	for name, test := range map[string]struct {
		method, path, from string
		status             int
		body               string
	}{
		"ping":                 {"GET", "/ping", "10.0.0.9", 200, "pong"},
		"health":               {"GET", "/health", "10.0.0.9", 200, "metadata /latest/meta-data/instance-id"},
		"deep health":          {"GET", "/health?deep=1", "10.0.0.9", 500, "server health: sick\n"},
		"role":                 {"GET", roles + "/", "10.0.0.1", 200, "teams/app"},
		"role, older API":      {"GET", "/2016-09-02/meta-data/iam/security-credentials/", "10.0.0.1", 200, "teams/app"},
		"role without slash":   {"GET", roles, "10.0.0.1", 301, "<a href=\"" + roles + "/\">Moved Permanently</a>.\n\n"},
		"no role":              {"GET", roles + "/", "10.0.0.2", 404, "empty role\n"},
		"pod known late":       {"GET", roles + "/", "10.0.0.3", 200, "teams/app"},
		"forbidden, at once":   {"GET", roles + "/other", "10.0.0.1", 500, "error fetching credentials: forbidden by policy\n"},
		"blocked":              {"GET", "/latest/meta-data/", "10.0.0.1", 404, "request blocked by allow-route-regexp \"^/latest/dynamic/\": /latest/meta-data/\n"},
		"allowed":              {"GET", "/latest/dynamic/x", "10.0.0.1", 200, "metadata /latest/dynamic/x"},
		"token always passes":  {"PUT", "/latest/api/token", "10.0.0.1", 200, "metadata /latest/api/token"},
		"token only by PUT":    {"GET", "/latest/api/token", "10.0.0.1", 404, "request blocked by allow-route-regexp \"^/latest/dynamic/\": /latest/api/token\n"},
		"address not by query": {"GET", roles + "/?ip=10.0.0.2", "10.0.0.1", 200, "teams/app"},
		"credentials": {"GET", roles + "/teams/app", "10.0.0.1", 200,
			`{"Code":"Success","Type":"","AccessKeyId":"10.0.0.1","SecretAccessKey":"","Token":"","Expiration":"","LastUpdated":""}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			upstream := &upstream{health: "sick"}
			server, err := NewServer(Options{Metadata: metadata.URL, AllowRoutes: regexp.MustCompile("^/latest/dynamic/")}, upstream)
			if err != nil {
				t.Fatal(err)
			}
			request := httptest.NewRequest(test.method, test.path, nil)
			request.RemoteAddr = test.from + ":12345"
			recorder := httptest.NewRecorder()
			server.http.Handler.ServeHTTP(recorder, request)
			if recorder.Code != test.status || recorder.Body.String() != test.body {
				t.Errorf("got %d %q, want %d %q", recorder.Code, recorder.Body, test.status, test.body)
			}
			if strings.HasPrefix(name, "forbidden") && upstream.tries.Load() != 1 {
				t.Errorf("asked %d times", upstream.tries.Load())
			}
		})
	}
}

func TestCallerAddress(t *testing.T) {
	for remote, want := range map[string]string{"10.0.0.1:80": "10.0.0.1", "[::1]:80": "[::1]"} {
		if got, err := callerAddress(remote); err != nil || got != want {
			t.Errorf("%s: got %s, %v", remote, got, err)
		}
	}
	if got, err := callerAddress("10.0.0.1"); err == nil {
		t.Errorf("got %s", got)
	}
}
