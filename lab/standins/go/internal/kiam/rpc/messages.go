// Package rpc is the gRPC service between kiam's agent and server, over mutual TLS.
//
// The messages are so small, strings only, that they are put on the wire by hand. They look there
// as the official ones do, so that in a trial either end can be the official program.
package rpc

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is one whose fields are all strings, numbered from 1 in this order.
type message interface{ fields() []*string }

// Address asks about the pod that has an IP address.
type Address struct{ IP string }

func (m *Address) fields() []*string { return []*string{&m.IP} }

// RoleName is a role as the pod's annotation has it; "" if it has none.
type RoleName struct{ Name string }

func (m *RoleName) fields() []*string { return []*string{&m.Name} }

// CredentialsRequest asks for a role's credentials for the pod that has an IP address.
type CredentialsRequest struct{ IP, Role string }

func (m *CredentialsRequest) fields() []*string { return []*string{&m.IP, &m.Role} }

// Credentials is the answer to it.
type Credentials struct {
	Code, Type, AccessKeyID, SecretAccessKey, Token, Expiration, LastUpdated string
}

func (m *Credentials) fields() []*string {
	return []*string{&m.Code, &m.Type, &m.AccessKeyID, &m.SecretAccessKey, &m.Token, &m.Expiration, &m.LastUpdated}
}

// Nothing is an empty request.
type Nothing struct{}

func (*Nothing) fields() []*string { return nil }

// Health is "ok", or what is wrong.
type Health struct{ Message string }

func (m *Health) fields() []*string { return []*string{&m.Message} }

// codec writes messages as Protocol Buffers do.
type codec struct{}

// Name is what goes into the content type.
func (codec) Name() string { return "proto" }

// Marshal leaves empty fields out.
func (codec) Marshal(value any) ([]byte, error) {
	typed, ok := value.(message)
	if !ok {
		return nil, fmt.Errorf("%T is no message of this service", value)
	}
	wire := []byte{}
	for index, field := range typed.fields() {
		if *field != "" {
			wire = protowire.AppendTag(wire, protowire.Number(index+1), protowire.BytesType)
			wire = protowire.AppendString(wire, *field)
		}
	}
	return wire, nil
}

// Unmarshal skips fields that it does not know.
func (codec) Unmarshal(wire []byte, value any) error {
	typed, ok := value.(message)
	if !ok {
		return fmt.Errorf("%T is no message of this service", value)
	}
	fields := typed.fields()
	for len(wire) > 0 {
		number, kind, length := protowire.ConsumeTag(wire)
		if length < 0 {
			return protowire.ParseError(length)
		}
		wire = wire[length:]
		if kind != protowire.BytesType || int(number) > len(fields) {
			length = protowire.ConsumeFieldValue(number, kind, wire)
			if length < 0 {
				return protowire.ParseError(length)
			}
			wire = wire[length:]
			continue
		}
		text, length := protowire.ConsumeString(wire)
		if length < 0 {
			return protowire.ParseError(length)
		}
		*fields[number-1] = text
		wire = wire[length:]
	}
	return nil
}
