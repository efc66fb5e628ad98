package creds

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

type issuerFunc func(Request) (*Credentials, error)

func (f issuerFunc) Issue(_ context.Context, request Request) (*Credentials, error) {
	return f(request)
}

var identity = roles.Identity{Role: roles.Role{Name: "app", ARN: "arn:aws:iam::123456789012:role/app"}}

func TestManyAskOnce(t *testing.T) {
	var asked atomic.Int32
	release := make(chan struct{})
	cache := NewCache(issuerFunc(func(request Request) (*Credentials, error) {
		asked.Add(1)
		<-release
		if request.SessionName != "kiam-lab" || request.Duration != 30*time.Minute {
			t.Errorf("asked for %+v", request)
		}
		return newCredentials("key", "secret", "token", time.Now()), nil
	}), "lab", 30*time.Minute, 5*time.Minute)
	first := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() { close(first); ask(t, cache) })
	<-first
	// The first has to be in the cache before others come; then they all wait for its answer.
	for asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		group.Go(func() { ask(t, cache) })
	}
	close(release)
	group.Wait()
	if asked.Load() != 1 {
		t.Errorf("STS was asked %d times", asked.Load())
	}
}

func ask(t *testing.T, cache *Cache) {
	t.Helper()
	if got, err := cache.For(context.Background(), identity); err != nil || got.Code != "Success" || got.AccessKeyId != "key" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFailuresAreNotKept(t *testing.T) {
	failure := errors.New("AccessDenied")
	cache := NewCache(issuerFunc(func(Request) (*Credentials, error) { return nil, failure }), "kiam", time.Hour, time.Minute)
	if _, err := cache.For(context.Background(), identity); !errors.Is(err, failure) {
		t.Fatalf("got %v", err)
	}
	cache.issuer = issuerFunc(func(Request) (*Credentials, error) { return newCredentials("key", "s", "t", time.Now()), nil })
	ask(t, cache)
}

func TestSessionName(t *testing.T) {
	for _, test := range []struct{ server, pod, want string }{
		{"kiam", "", "kiam-kiam"},
		{"kiam", "billing", "kiam-billing"},
		{"kiam", "billing/2 nightly", "kiam-billing-2-nightly"},
		{"kiam", strings.Repeat("x", 80), "kiam-" + strings.Repeat("x", 58)},
	} {
		if got := SessionName(test.server, test.pod); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}

func TestWhereToAsk(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1":     "sts.us-east-1.amazonaws.com",
		"cn-north-1":    "sts.cn-north-1.amazonaws.com.cn",
		"us-iso-east-1": "sts.us-iso-east-1.c2s.ic.gov",
	} {
		if got := stsHost(region); got != want {
			t.Errorf("%s: got %s, want %s", region, got, want)
		}
	}
	got, err := prefixOf("arn:aws:iam::123456789012:instance-profile/masters.lab")
	if err != nil || got != "arn:aws:iam::123456789012:role/" {
		t.Errorf("got %s, %v", got, err)
	}
	if got, err := prefixOf("nonsense"); err == nil {
		t.Errorf("got %s", got)
	}
}

func TestFieldsHideTheExternalID(t *testing.T) {
	secret := roles.Identity{Role: identity.Role, SessionName: "s", ExternalID: "hidden"}
	fields := Fields(secret, newCredentials("key", "secret", "token", time.Now()))
	if fields["credentials.external-id"] != "******" || fields["credentials.session-name"] != "s" {
		t.Errorf("got %v", fields)
	}
}
