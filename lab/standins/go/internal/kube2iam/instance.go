package kube2iam

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
)

// instance is what the node's own instance metadata says.
type instance struct{}

func (instance) client() (*imds.Client, error) {
	loaded, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		return nil, err
	}
	return imds.NewFromConfig(loaded), nil
}

// get reads one path below /latest/meta-data/.
func (i instance) get(path string) (string, error) {
	client, err := i.client()
	if err != nil {
		return "", err
	}
	output, err := client.GetMetadata(context.Background(), &imds.GetMetadataInput{Path: path})
	if err != nil {
		// The official message has its two parts the wrong way round.
		return "", fmt.Errorf("EC2 Metadata [%s] response error, got %v", err, path)
	}
	defer func() { _ = output.Content.Close() }()
	value, err := io.ReadAll(output.Content)
	if err != nil {
		return "", fmt.Errorf("expect to read content [%s] from bytes, got %v", err, path)
	}
	if len(value) == 0 {
		return "", fmt.Errorf("EC2 Metadata didn't returned [%s], got empty string", path)
	}
	return string(value), nil
}

// baseARN is what role names lack, in the account of the node's instance profile.
func (i instance) baseARN() (string, error) {
	client, err := i.client()
	if err != nil {
		return "", err
	}
	info, err := client.GetIAMInfo(context.Background(), &imds.GetIAMInfoInput{})
	if err != nil {
		return "", err
	}
	return baseOf(info.InstanceProfileArn)
}

func baseOf(profile string) (string, error) {
	prefix, _, found := strings.Cut(strings.Replace(profile, "instance-profile", "role", 1), "/")
	if !found {
		return "", errors.New("can't determine BaseARN")
	}
	return prefix + "/", nil
}
