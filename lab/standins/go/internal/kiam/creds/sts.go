package creds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/credentials/stscreds"
	"github.com/aws/aws-sdk-go/aws/ec2metadata"
	"github.com/aws/aws-sdk-go/aws/endpoints"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/sts"
)

// Request is one sts:AssumeRole.
type Request struct {
	RoleARN     string
	SessionName string
	ExternalID  string
	Duration    time.Duration
}

// Issuer issues credentials; STS does.
type Issuer interface {
	Issue(ctx context.Context, request Request) (*Credentials, error)
}

// STS issues credentials as the role that the server itself has assumed.
type STS struct{ session *session.Session }

// Regional makes the configuration for a region's own STS endpoint, which must have an address.
// Without a region it is the SDK's default, the global endpoint.
func Regional(region string) (*aws.Config, error) {
	config := aws.NewConfig().WithCredentialsChainVerboseErrors(true)
	switch {
	case region == "":
		return config, nil
	case strings.Contains(region, "fips"):
		return config.WithRegion(region).WithEndpointResolver(endpoints.DefaultResolver()), nil
	}
	host := stsHost(region)
	if _, err := net.LookupHost(host); err != nil {
		return nil, fmt.Errorf("Regional STS endpoint does not exist: %s", host) //nolint:staticcheck // official wording
	}
	return config.WithRegion(region).WithEndpointResolver(endpoints.ResolverFunc(
		func(service, region string, options ...func(*endpoints.Options)) (endpoints.ResolvedEndpoint, error) {
			if service != endpoints.StsServiceID {
				return endpoints.DefaultResolver().EndpointFor(service, region, options...)
			}
			return endpoints.ResolvedEndpoint{URL: "https://" + host, SigningRegion: region}, nil
		})), nil
}

func stsHost(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "sts." + region + ".amazonaws.com.cn"
	case strings.HasPrefix(region, "us-iso"):
		return "sts." + region + ".c2s.ic.gov"
	}
	return "sts." + region + ".amazonaws.com"
}

// AssumeFirst makes an issuer that assumes serverRole with the node's credentials and everything
// else as that role. Nothing is asked of AWS yet.
func AssumeFirst(config *aws.Config, serverRole string) (*STS, error) {
	own, err := session.NewSession(config)
	if err != nil {
		return nil, err
	}
	config.WithCredentials(stscreds.NewCredentials(own, serverRole))
	assumed, err := session.NewSession(config)
	if err != nil {
		return nil, err
	}
	return &STS{session: assumed}, nil
}

// Issue asks STS. Its errors carry AWS's code and words.
func (s *STS) Issue(ctx context.Context, request Request) (*Credentials, error) {
	input := &sts.AssumeRoleInput{
		DurationSeconds: aws.Int64(int64(request.Duration.Seconds())),
		RoleArn:         aws.String(request.RoleARN),
		RoleSessionName: aws.String(request.SessionName),
	}
	if request.ExternalID != "" {
		input.ExternalId = aws.String(request.ExternalID)
	}
	output, err := sts.New(s.session).AssumeRoleWithContext(ctx, input)
	if err != nil {
		return nil, err
	}
	issued := output.Credentials
	return newCredentials(*issued.AccessKeyId, *issued.SecretAccessKey, *issued.SessionToken, *issued.Expiration), nil
}

// DetectPrefix asks the metadata service for the node's instance profile and makes of it what
// role names lack, e.g. arn:aws:iam::123456789012:role/.
func DetectPrefix() (string, error) {
	own, err := session.NewSession()
	if err != nil {
		return "", err
	}
	metadata := ec2metadata.New(own)
	if !metadata.Available() {
		return "", errors.New("aws metadata api not available")
	}
	info, err := metadata.IAMInfo()
	if err != nil {
		return "", fmt.Errorf("error accessing iam info: %s", err)
	}
	return prefixOf(info.InstanceProfileArn)
}

func prefixOf(instanceProfile string) (string, error) {
	parts := strings.Split(instanceProfile, ":")
	if len(parts) < 5 {
		return "", fmt.Errorf("%q is no ARN of an instance profile", instanceProfile)
	}
	return strings.Join(parts[:5], ":") + ":role/", nil
}
