package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	stsLimit   = 2 * time.Second
	retryAfter = time.Second
	stsBody    = "Action=GetCallerIdentity&Version=2011-06-15"
)

// resolver asks STS who credentials belong to and remembers it by access key.
type resolver struct {
	endpoint string
	region   string
	client   *http.Client
	known    map[string]string
	quiet    time.Time
}

// refusedByService: STS knows the credentials to be worthless.
type refusedByService struct{ code string }

func (r *refusedByService) Error() string { return "STS refuses the credentials: " + r.code }

func newResolver(endpoint, region string) *resolver {
	return &resolver{
		endpoint: strings.TrimRight(endpoint, "/"),
		region:   region,
		client:   &http.Client{Timeout: stsLimit},
		known:    map[string]string{},
	}
}

// arn of the caller. STS that cannot be asked is asked again, but not more than once a second.
func (r *resolver) arn(c credentials) (string, error) {
	if arn, ok := r.known[c.AccessKeyId]; ok {
		return arn, nil
	}
	if time.Now().Before(r.quiet) {
		return "", fmt.Errorf("not asked: STS failed a moment ago")
	}
	arn, err := r.ask(c, time.Now().UTC())
	if err != nil {
		if _, refused := err.(*refusedByService); !refused {
			r.quiet = time.Now().Add(retryAfter)
		}
		return "", err
	}
	r.known[c.AccessKeyId] = arn
	return arn, nil
}

func (r *resolver) ask(c credentials, now time.Time) (string, error) {
	request, err := http.NewRequest(http.MethodPost, r.endpoint+"/", bytes.NewReader([]byte(stsBody)))
	if err != nil {
		return "", err
	}
	sign(request, c, r.region, now)
	answer, err := r.client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<16))
	if err != nil {
		return "", err
	}
	var parsed struct {
		Arn  string `xml:"GetCallerIdentityResult>Arn"`
		Code string `xml:"Error>Code"`
	}
	if err := xml.Unmarshal(body, &parsed); err != nil {
		return "", fmt.Errorf("STS: %s: %w", answer.Status, err)
	}
	switch parsed.Code {
	case "InvalidClientTokenId", "ExpiredToken", "SignatureDoesNotMatch", "AccessDenied":
		return "", &refusedByService{parsed.Code}
	}
	if parsed.Arn == "" {
		return "", fmt.Errorf("STS: %s %s", answer.Status, parsed.Code)
	}
	return parsed.Arn, nil
}

// sign adds Signature Version 4 to a request for stsBody.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func sign(request *http.Request, c credentials, region string, now time.Time) {
	const contentType = "application/x-www-form-urlencoded"
	const signed = "content-type;host;x-amz-date;x-amz-security-token"
	date := now.Format("20060102T150405Z")
	scope := date[:8] + "/" + region + "/sts/aws4_request"
	canonical := strings.Join([]string{
		request.Method, "/", "",
		"content-type:" + contentType,
		"host:" + request.URL.Host,
		"x-amz-date:" + date,
		"x-amz-security-token:" + c.Token,
		"", signed, hash(stsBody),
	}, "\n")
	key := []byte("AWS4" + c.SecretAccessKey)
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", date, scope, hash(canonical)}, "\n")
	for _, part := range append(strings.Split(scope, "/"), toSign) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("X-Amz-Date", date)
	request.Header.Set("X-Amz-Security-Token", c.Token)
	request.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		c.AccessKeyId, scope, signed, hex.EncodeToString(key)))
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// sessionRole is the role in arn:aws:sts::<account>:assumed-role/<role>/<session>, "" in any other ARN.
func sessionRole(arn string) string {
	_, rest, found := strings.Cut(arn, ":assumed-role/")
	if !found {
		return ""
	}
	role, _, _ := strings.Cut(rest, "/")
	return role
}
