package rpc

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	log "github.com/sirupsen/logrus"
	"google.golang.org/grpc/credentials"
)

// Files are the paths of a certificate, its key, and the CA that the other side's must be of.
// They are read again for every connection, so that renewed certificates are taken up.
type Files struct{ Certificate, Key, CA string }

type material struct {
	certificate tls.Certificate
	authority   *x509.CertPool
}

func (f Files) read() (*material, error) {
	certificate, err := os.ReadFile(f.Certificate)
	if err != nil {
		return nil, fmt.Errorf("error reading TLS cert: %v", err)
	}
	key, err := os.ReadFile(f.Key)
	if err != nil {
		return nil, fmt.Errorf("error reading TLS key: %v", err)
	}
	authority, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, fmt.Errorf("error reading TLS CAs: %v", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("error parsing TLS keypair: %v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, errors.New("error parsing TLS CAs")
	}
	return &material{certificate: pair, authority: pool}, nil
}

// verify logs if the other side will not accept the certificate, at least not by this CA.
func (m *material) verify(usage x509.ExtKeyUsage) {
	options := x509.VerifyOptions{Roots: m.authority, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := m.certificate.Leaf.Verify(options); err != nil {
		log.Errorf("failed to verify TLS certificate: %v", err)
	}
}

// reloading returns the files' content at each call; while they cannot be read, the last good one.
func (f Files) reloading(usage x509.ExtKeyUsage) (func() *material, error) {
	var lock sync.Mutex
	last, err := f.read()
	if err != nil {
		return nil, err
	}
	last.verify(usage)
	return func() *material {
		lock.Lock()
		defer lock.Unlock()
		fresh, err := f.read()
		if err != nil {
			log.Errorf("failed to update TLS certificate: %v", err)
			return last
		}
		if !bytes.Equal(fresh.certificate.Leaf.Raw, last.certificate.Leaf.Raw) {
			fresh.verify(usage)
		}
		last = fresh
		return last
	}, nil
}

func (f Files) serverCredentials() (credentials.TransportCredentials, error) {
	current, err := f.reloading(x509.ExtKeyUsageServerAuth)
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			now := current()
			return &tls.Config{
				MinVersion:   tls.VersionTLS12,
				NextProtos:   []string{"h2"},
				Certificates: []tls.Certificate{now.certificate},
				ClientAuth:   tls.RequireAndVerifyClientCert,
				ClientCAs:    now.authority,
			}, nil
		},
	}), nil
}

func (f Files) clientCredentials(address string) (credentials.TransportCredentials, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("error parsing hostname: %v", err)
	}
	current, err := f.reloading(x509.ExtKeyUsageClientAuth)
	if err != nil {
		return nil, fmt.Errorf("error reading tls certificates: %v", err)
	}
	return credentials.NewTLS(&tls.Config{
		MinVersion: tls.VersionTLS12,
		ServerName: host,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &current().certificate, nil
		},
		// Go's own check knows only a fixed pool; the same check follows, with the pool of now.
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			options := x509.VerifyOptions{
				DNSName:       host,
				Roots:         current().authority,
				Intermediates: x509.NewCertPool(),
			}
			for _, certificate := range state.PeerCertificates[1:] {
				options.Intermediates.AddCert(certificate)
			}
			_, err := state.PeerCertificates[0].Verify(options)
			return err
		},
	}), nil
}
