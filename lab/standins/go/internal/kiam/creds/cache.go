package creds

import (
	"context"
	"regexp"
	"time"

	cache "github.com/patrickmn/go-cache"
	log "github.com/sirupsen/logrus"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/roles"
)

const purgeInterval = time.Minute

// Issued is a set of credentials and for whom it is.
type Issued struct {
	Identity    roles.Identity
	Credentials *Credentials
}

// Cache keeps credentials until they should be renewed. However many ask for the same identity
// at once, STS is asked once.
type Cache struct {
	issuer      Issuer
	sessionName string
	duration    time.Duration
	kept        *cache.Cache
	expiring    chan Issued
}

// NewCache keeps credentials of a duration until `refresh` before their end.
func NewCache(issuer Issuer, sessionName string, duration, refresh time.Duration) *Cache {
	c := &Cache{
		issuer:      issuer,
		sessionName: sessionName,
		duration:    duration,
		kept:        cache.New(duration-refresh, purgeInterval),
		expiring:    make(chan Issued, 1),
	}
	c.kept.OnEvicted(c.evicted)
	return c
}

// Expiring tells whose credentials left the cache and should be renewed if anyone still uses them.
func (c *Cache) Expiring() <-chan Issued { return c.expiring }

// For returns credentials for an identity, kept or new.
func (c *Cache) For(ctx context.Context, identity roles.Identity) (*Credentials, error) {
	key := identity.Key()
	logger := log.WithFields(log.Fields{
		"pod.iam.role":    identity.Role,
		"pod.iam.roleArn": identity.Role.ARN,
	})
	if kept, found := c.kept.Get(key); found {
		issued, err := kept.(*pending).wait(ctx)
		if err != nil {
			logger.Errorf("error retrieving credentials in cache from future: %s. will delete", err.Error())
			c.kept.Delete(key)
			return nil, err
		}
		return issued.Credentials, nil
	}
	request := start(func() (Issued, error) {
		credentials, err := c.issuer.Issue(ctx, Request{
			RoleARN:     identity.Role.ARN,
			SessionName: SessionName(c.sessionName, identity.SessionName),
			ExternalID:  identity.ExternalID,
			Duration:    c.duration,
		})
		if err != nil {
			logger.Errorf("error requesting credentials: %s", err.Error())
			return Issued{}, err
		}
		log.WithFields(Fields(identity, credentials)).Infof("requested new credentials")
		return Issued{Identity: identity, Credentials: credentials}, nil
	})
	c.kept.SetDefault(key, request)
	issued, err := request.wait(ctx)
	if err != nil {
		// Otherwise one failure would be remembered as long as credentials are.
		c.kept.Delete(key)
		return nil, err
	}
	return issued.Credentials, nil
}

func (c *Cache) evicted(key string, item any) {
	issued, err := item.(*pending).wait(context.Background())
	if err != nil {
		log.WithField("cache.key", key).Debugf("evicted credentials future had error: %s", err.Error())
		return
	}
	select {
	case c.expiring <- issued:
		log.WithFields(Fields(issued.Identity, issued.Credentials)).Infof("notified credentials expire soon")
	default:
	}
}

var forbiddenInSessionName = regexp.MustCompile(`[^\w+=,.@-]`)

// SessionName is the name of the session at STS: the pod's own if it asks for one, else the
// server's, marked as kiam's, and made acceptable to STS.
func SessionName(server, pod string) string {
	name := "kiam-" + server
	if pod != "" {
		name = "kiam-" + pod
	}
	if len(name) > 64 {
		name = name[:63]
	}
	return forbiddenInSessionName.ReplaceAllString(name, "-")
}

// pending is a request to STS that others may wait for.
type pending struct {
	done   chan struct{}
	issued Issued
	err    error
}

func start(issue func() (Issued, error)) *pending {
	p := &pending{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.issued, p.err = issue()
	}()
	return p
}

func (p *pending) wait(ctx context.Context) (Issued, error) {
	select {
	case <-ctx.Done():
		return Issued{}, ctx.Err()
	case <-p.done:
		return p.issued, p.err
	}
}
