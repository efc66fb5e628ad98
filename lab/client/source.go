package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// exchangeLimit is what SDKs allow one exchange with instance metadata.
const exchangeLimit = time.Second

const credentialsPath = "/latest/meta-data/iam/security-credentials/"

// credentials as instance metadata answers them; role is the name that was answered first.
type credentials struct {
	role            string
	Code            string
	AccessKeyId     string
	SecretAccessKey string
	Token           string
	Expiration      time.Time
}

// failure is a request that gave no usable credentials; cause is its kind, for counting.
type failure struct {
	cause string
	text  string
}

func (f *failure) Error() string { return f.text }

type source struct {
	base   string
	client *http.Client
}

func newSource(base string, keepalive bool) *source {
	return &source{
		base: strings.TrimRight(base, "/"),
		client: &http.Client{
			Timeout: exchangeLimit,
			// No proxy from the environment: metadata is always asked directly. No
			// MaxConnsPerHost: the next request would queue behind a dial that hangs.
			Transport: &http.Transport{
				DialContext:         (&net.Dialer{Timeout: exchangeLimit}).DialContext,
				DisableKeepAlives:   !keepalive,
				MaxIdleConnsPerHost: 1,
				DisableCompression:  true,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// credentials does what an SDK does. The error is always a *failure; what was learnt
// before it (the role's name) is returned with it.
func (s *source) credentials() (credentials, error) {
	var got credentials
	list, err := s.get(credentialsPath)
	if err != nil {
		return got, err
	}
	got.role, _, _ = strings.Cut(strings.TrimSpace(string(list)), "\n")
	if got.role == "" {
		return got, &failure{"no role", "the list of roles is empty"}
	}
	body, err := s.get(credentialsPath + got.role)
	if err != nil {
		return got, err
	}
	role := got.role
	if err := json.Unmarshal(body, &got); err != nil {
		return credentials{role: role}, &failure{"not JSON", fmt.Sprintf("credentials are not JSON: %v", err)}
	}
	switch {
	case got.Code != "Success":
		return got, &failure{"code", fmt.Sprintf("Code is %q", got.Code)}
	case got.AccessKeyId == "" || got.SecretAccessKey == "" || got.Token == "":
		return got, &failure{"incomplete", "a part of the credentials is missing"}
	case !got.Expiration.After(time.Now()):
		return got, &failure{"expired", fmt.Sprintf("credentials expired at %s", got.Expiration.Format(time.RFC3339))}
	}
	return got, nil
}

func (s *source) get(path string) ([]byte, error) {
	answer, err := s.client.Get(s.base + path)
	if err != nil {
		return nil, classify(path, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return nil, classify(path, err)
	}
	if answer.StatusCode != http.StatusOK {
		line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
		return nil, &failure{
			fmt.Sprintf("status %d", answer.StatusCode),
			fmt.Sprintf("%s: %s: %.200s", path, answer.Status, line),
		}
	}
	return body, nil
}

func classify(path string, err error) *failure {
	cause := "other"
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		cause = "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		cause = "refused"
	case errors.Is(err, syscall.ECONNRESET):
		cause = "reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		cause = "closed"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		cause = "unreachable"
	}
	return &failure{cause, fmt.Sprintf("%s: %v", path, err)}
}

// roleName is a role's name without path or ARN: arn:aws:iam::1:role/a/b, a/b and b are one role.
func roleName(role string) string {
	return role[strings.LastIndex(role, "/")+1:]
}
