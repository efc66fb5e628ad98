package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/cenkalti/backoff"
	"github.com/gorilla/mux"
	log "github.com/sirupsen/logrus"
	"google.golang.org/grpc/status"

	"kube2iam-to-kiam/lab/standins/go/internal/kiam/rpc"
)

const firstRetry = 5 * time.Millisecond

// forbidden is the server's word for a denial by policy: no use asking again.
const forbidden = "forbidden by policy"

var errEmptyRole = errors.New("empty role")

// tokenPath is where IMDSv2 hands out session tokens. Those requests always go through.
var tokenPath = regexp.MustCompile("^/?[^/]+/api/token$")

type handlers struct {
	options  Options
	upstream Upstream
	proxy    http.Handler
}

// role answers with the name of the caller's role, as its annotation has it.
func (h handlers) role(ctx context.Context, w http.ResponseWriter, r *http.Request) (int, error) {
	ip, err := h.caller(r)
	if err != nil {
		return http.StatusInternalServerError, err
	}
	var role string
	err = persistently(ctx, func() (err error) {
		if role, err = h.upstream.Role(ctx, ip); err != nil {
			log.WithField("pod.ip", ip).Warnf("error finding role for pod: %s", err.Error())
		}
		return err
	})
	if err != nil {
		return http.StatusInternalServerError, err
	}
	if role == "" {
		return http.StatusNotFound, errEmptyRole
	}
	fmt.Fprint(w, role)
	return http.StatusOK, nil
}

// credentialsJSON has the field names that SDKs read.
type credentialsJSON struct {
	Code            string
	Type            string
	AccessKeyId     string //nolint:revive // the metadata service's spelling
	SecretAccessKey string
	Token           string
	Expiration      string
	LastUpdated     string
}

// credentials answers with credentials for the role that the path names.
func (h handlers) credentials(ctx context.Context, w http.ResponseWriter, r *http.Request) (int, error) {
	ip, err := h.caller(r)
	if err != nil {
		return http.StatusInternalServerError, err
	}
	var issued *rpc.Credentials
	err = persistently(ctx, func() (err error) {
		issued, err = h.upstream.Credentials(ctx, ip, mux.Vars(r)["role"])
		switch said := status.Convert(err).Message(); {
		case err == nil:
			return nil
		case said == forbidden:
			return backoff.Permanent(errors.New(said))
		case said == "no pod found":
			return errors.New(said)
		}
		return err
	})
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("error fetching credentials: %s", err)
	}
	if err := json.NewEncoder(w).Encode(credentialsJSON{
		Code:            issued.Code,
		Type:            issued.Type,
		AccessKeyId:     issued.AccessKeyID,
		SecretAccessKey: issued.SecretAccessKey,
		Token:           issued.Token,
		Expiration:      issued.Expiration,
		LastUpdated:     issued.LastUpdated,
	}); err != nil {
		return http.StatusInternalServerError, fmt.Errorf("error encoding credentials: %s", err)
	}
	return http.StatusOK, nil
}

// health answers with the node's instance id; with ?deep= only if a server is well too.
func (h handlers) health(ctx context.Context, w http.ResponseWriter, r *http.Request) (int, error) {
	if r.URL.Query().Get("deep") != "" {
		var health string
		err := persistently(ctx, func() (err error) {
			health, err = h.upstream.Health(ctx)
			return err
		})
		if err != nil {
			return http.StatusInternalServerError, err
		}
		if health != "ok" {
			return http.StatusInternalServerError, fmt.Errorf("server health: %s", health)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.options.Metadata+"/latest/meta-data/instance-id", nil)
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("couldn't create request: %s", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("couldn't read metadata response: %s", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return http.StatusInternalServerError, fmt.Errorf("couldn't read metadata response: %s", err)
	}
	_, _ = w.Write(body)
	return http.StatusOK, nil
}

// other passes a request on to the instance metadata service if its path is allowed.
func (h handlers) other(_ context.Context, w http.ResponseWriter, r *http.Request) (int, error) {
	wantsToken := r.Method == http.MethodPut && tokenPath.MatchString(r.URL.Path)
	if !wantsToken && !h.options.AllowRoutes.MatchString(r.URL.Path) {
		return http.StatusNotFound, fmt.Errorf("request blocked by allow-route-regexp %q: %s", h.options.AllowRoutes, r.URL.Path)
	}
	// Without an address the proxy adds no X-Forwarded-For, which IMDSv2 refuses.
	r.RemoteAddr = ""
	recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	h.proxy.ServeHTTP(recorder, r)
	return recorder.status, nil
}

func withSlash(w http.ResponseWriter, r *http.Request) {
	target := *r.URL
	target.Path += "/"
	http.Redirect(w, r, target.String(), http.StatusMovedPermanently)
}

func (h handlers) caller(r *http.Request) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", err
	}
	if ip := r.Form.Get("ip"); h.options.AllowIPQuery && ip != "" {
		return ip, nil
	}
	return callerAddress(r.RemoteAddr)
}

// persistently asks again after errors, at growing intervals, until the context ends. The error
// is then that of the last attempt.
func persistently(ctx context.Context, ask func() error) error {
	strategy := backoff.NewExponentialBackOff()
	strategy.InitialInterval = firstRetry
	return backoff.Retry(ask, backoff.WithContext(strategy, ctx))
}
