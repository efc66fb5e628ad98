package kube2iam

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const describeRegions = "Action=DescribeRegions&Version=2016-11-15"

// regionNames asks EC2 which regions there are. It is the only call to EC2, and the SDK's package
// for EC2 is by far its largest: the request is made by hand.
func regionNames(ctx context.Context, config aws.Config) ([]string, error) {
	names, err := askRegions(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("operation error EC2: DescribeRegions, %w", err)
	}
	return names, nil
}

func askRegions(ctx context.Context, config aws.Config) ([]string, error) {
	if config.Region == "" {
		return nil, fmt.Errorf("failed to resolve service endpoint, endpoint rule error, Invalid Configuration: Missing Region")
	}
	url := fmt.Sprintf("https://ec2.%s.%s/", config.Region, domain(config.Region))
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(describeRegions))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	credentials, err := config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("get identity: get credentials: %w", err)
	}
	sum := sha256.Sum256([]byte(describeRegions))
	if err := v4.NewSigner().SignHTTP(
		ctx, credentials, request, hex.EncodeToString(sum[:]), "ec2", config.Region, time.Now()); err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("https response error StatusCode: 0, RequestID: , request send failed, %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, ec2Error(response.StatusCode, body)
	}
	var answer struct {
		Names []string `xml:"regionInfo>item>regionName"`
	}
	if err := xml.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("deserialization failed, %w", err)
	}
	return answer.Names, nil
}

func ec2Error(status int, body []byte) error {
	var answer struct {
		Code      string `xml:"Errors>Error>Code"`
		Message   string `xml:"Errors>Error>Message"`
		RequestID string `xml:"RequestID"`
	}
	_ = xml.Unmarshal(body, &answer)
	return fmt.Errorf("https response error StatusCode: %d, RequestID: %s, api error %s: %s",
		status, answer.RequestID, answer.Code, answer.Message)
}

// stsEndpoint is a region's own STS endpoint, or "" for the SDK to decide if EC2 does not know it.
func stsEndpoint(region string, known []string) string {
	if !slices.Contains(known, region) {
		return ""
	}
	return fmt.Sprintf("https://sts.%s.%s", region, domain(region))
}

func domain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
