package rpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestCodec(t *testing.T) {
	sent := &Credentials{Code: "Success", Token: "t", LastUpdated: "now"}
	wire, err := codec{}.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	// A field that a later version might add, of another type and number.
	wire = protowire.AppendVarint(protowire.AppendTag(wire, 42, protowire.VarintType), 7)
	got := &Credentials{}
	if err := (codec{}).Unmarshal(wire, got); err != nil || *got != *sent {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := (codec{}).Unmarshal(wire[:len(wire)-4], &Credentials{}); err == nil {
		t.Error("a message cut short was accepted")
	}
}

type service struct{}

func (service) Role(_ context.Context, request *Address) (*RoleName, error) {
	return &RoleName{Name: "role of " + request.IP}, nil
}

func (service) Credentials(context.Context, *CredentialsRequest) (*Credentials, error) {
	return nil, errors.New("forbidden by policy")
}

func (service) Health(context.Context, *Nothing) (*Health, error) { return &Health{Message: "ok"}, nil }

func TestMutualTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	server := ours.issue(t, "localhost")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answering, err := NewServer(server, keepalive.ServerParameters{}, service{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = answering.Serve(listener) }()
	defer answering.Stop()
	_, port, _ := net.SplitHostPort(listener.Addr().String())

	within := func(limit time.Duration, address string, files Files) (*Client, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		return Dial(ctx, address, files, keepalive.ClientParameters{})
	}
	client, err := within(10*time.Second, "localhost:"+port, ours.issue(t, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if role, err := client.Role(context.Background(), "10.0.0.1"); err != nil || role != "role of 10.0.0.1" {
		t.Errorf("got %q, %v", role, err)
	}
	if health, err := client.Health(context.Background()); err != nil || health != "ok" {
		t.Errorf("got %q, %v", health, err)
	}
	if _, err := client.Credentials(context.Background(), "10.0.0.1", "r"); status.Convert(err).Message() != "forbidden by policy" {
		t.Errorf("got %v", err)
	}

	// A refused connection is tried again until the time is up. The one above took milliseconds.
	dial := func(address string, files Files) (*Client, error) {
		return within(500*time.Millisecond, address, files)
	}
	stranger := theirs.issue(t, "agent")
	if _, err := dial("localhost:"+port, stranger); err == nil {
		t.Error("trusted a server of another CA")
	}
	stranger.CA = server.CA
	if _, err := dial("localhost:"+port, stranger); err == nil {
		t.Error("the server took a client of another CA")
	}
	if _, err := dial("127.0.0.1:"+port, ours.issue(t, "agent")); err == nil {
		t.Error("trusted a server whose certificate is for another name")
	}
	if _, err := dial("localhost", ours.issue(t, "agent")); err == nil || !strings.Contains(err.Error(), "missing port") {
		t.Errorf("got %v", err)
	}
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

func (a authority) issue(t *testing.T, name string) Files {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return Files{
		Certificate: write("tls.crt", "CERTIFICATE", raw),
		Key:         write("tls.key", "PRIVATE KEY", private),
		CA:          write("ca.crt", "CERTIFICATE", a.certificate.Raw),
	}
}
