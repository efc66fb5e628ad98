// Package creds gets credentials from STS, keeps them, and renews them while pods use them.
package creds

import (
	"strings"
	"time"

	log "github.com/sirupsen/logrus"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

// Credentials are what the instance metadata service answers for a role. The names of the fields
// are the names in its JSON.
type Credentials struct {
	Code            string
	Type            string
	AccessKeyId     string //nolint:revive // the metadata service's spelling
	SecretAccessKey string
	Token           string
	Expiration      string
	LastUpdated     string
}

const timeLayout = "2006-01-02T15:04:05Z"

func newCredentials(accessKeyID, secretAccessKey, token string, expiry time.Time) *Credentials {
	return &Credentials{
		// SDKs refuse credentials without this code.
		Code:            "Success",
		Type:            "AWS-HMAC",
		AccessKeyId:     accessKeyID,
		SecretAccessKey: secretAccessKey,
		Token:           token,
		Expiration:      expiry.Format(timeLayout),
		LastUpdated:     time.Now().Format(timeLayout),
	}
}

// Fields is how issued credentials appear in the log: never the secret, never the external id.
func Fields(identity roles.Identity, credentials *Credentials) log.Fields {
	fields := log.Fields{
		"credentials.access.key": credentials.AccessKeyId,
		"credentials.expiration": credentials.Expiration,
		"credentials.role":       identity.Role.ARN,
	}
	if identity.SessionName != "" {
		fields["credentials.session-name"] = identity.SessionName
	}
	if identity.ExternalID != "" {
		fields["credentials.external-id"] = strings.Repeat("*", len(identity.ExternalID))
	}
	return fields
}
