package kube2iam

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	timeLayout        = "2006-01-02T15:04:05Z"
	longestSession    = 64 // characters of a session name that STS accepts
	regionsTTL        = 30 * 24 * time.Hour
	sessionToCacheTTL = 2 // sessions last this many times as long as they are kept
)

// credentials are what the instance metadata service answers for a role.
type credentials struct {
	AccessKeyID     string `json:"AccessKeyId"`
	Code            string
	Expiration      string
	LastUpdated     string
	SecretAccessKey string
	Token           string
	Type            string
}

// issuer gets credentials from STS with the node's own and keeps them per role.
type issuer struct {
	sessionTTL, errorTTL time.Duration
	issued               kept[*credentials]
	failed               kept[error]
	regions              kept[[]string]
}

// issue returns credentials for a role, kept or new. The session is named after the pod that
// happened to ask first.
func (i *issuer) issue(role, externalID, ip string) (*credentials, error) {
	if found, ok := i.issued.get(role); ok {
		return found, nil
	}
	if failure, ok := i.failed.get(role); ok {
		return nil, failure
	}
	fresh, err := i.assume(context.Background(), role, externalID, ip)
	if err != nil {
		i.failed.set(role, err, i.errorTTL)
		return nil, err
	}
	i.issued.set(role, fresh, i.sessionTTL)
	return fresh, nil
}

func (i *issuer) assume(ctx context.Context, role, externalID, ip string) (*credentials, error) {
	loaded, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	known, ok := i.regions.get("")
	if !ok {
		if known, err = regionNames(ctx, loaded); err != nil {
			return nil, err
		}
		i.regions.set("", known, regionsTTL)
	}
	input := &sts.AssumeRoleInput{
		DurationSeconds: aws.Int32(int32(i.sessionTTL.Seconds() * sessionToCacheTTL)),
		RoleArn:         aws.String(role),
		RoleSessionName: aws.String(sessionName(role, ip)),
	}
	if externalID != "" {
		input.ExternalId = aws.String(externalID)
	}
	client := sts.NewFromConfig(loaded, func(options *sts.Options) {
		if endpoint := stsEndpoint(loaded.Region, known); endpoint != "" {
			options.BaseEndpoint = aws.String(endpoint)
		}
	})
	output, err := client.AssumeRole(ctx, input)
	if err != nil {
		return nil, err
	}
	return &credentials{
		AccessKeyID:     *output.Credentials.AccessKeyId,
		Code:            "Success",
		Expiration:      output.Credentials.Expiration.Format(timeLayout),
		LastUpdated:     time.Now().Format(timeLayout),
		SecretAccessKey: *output.Credentials.SecretAccessKey,
		Token:           *output.Credentials.SessionToken,
		Type:            "AWS-HMAC",
	}, nil
}

func sessionName(role, ip string) string {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(ip))
	name := fmt.Sprintf("%x-%s", sum.Sum32(), role[strings.LastIndex(role, "/")+1:])
	if len(name) > longestSession {
		name = name[:longestSession]
	}
	return name
}

// kept is a map whose entries have an end.
type kept[Value any] struct {
	lock    sync.Mutex
	entries map[string]entry[Value]
}

type entry[Value any] struct {
	value Value
	until time.Time
}

func (k *kept[Value]) get(key string) (Value, bool) {
	k.lock.Lock()
	defer k.lock.Unlock()
	found, ok := k.entries[key]
	return found.value, ok && time.Now().Before(found.until)
}

func (k *kept[Value]) set(key string, value Value, ttl time.Duration) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.entries == nil {
		k.entries = map[string]entry[Value]{}
	}
	k.entries[key] = entry[Value]{value: value, until: time.Now().Add(ttl)}
}
