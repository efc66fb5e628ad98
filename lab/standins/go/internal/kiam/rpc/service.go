package rpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const serviceName = "kiam.KiamService"

// window is what one end may send before the other has read it. It is fixed, because gRPC would
// otherwise measure the connection with a ping for every message.
const window = 1 << 16

const (
	methodRole        = "GetPodRole"
	methodCredentials = "GetPodCredentials"
	methodHealth      = "GetHealth"
)

// Service is what the kiam server answers.
type Service interface {
	Role(ctx context.Context, request *Address) (*RoleName, error)
	Credentials(ctx context.Context, request *CredentialsRequest) (*Credentials, error)
	Health(ctx context.Context, request *Nothing) (*Health, error)
}

// NewServer makes a gRPC server that answers with the service to clients of the same CA.
func NewServer(files Files, parameters keepalive.ServerParameters, service Service) (*grpc.Server, error) {
	credentials, err := files.serverCredentials()
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer(
		grpc.Creds(credentials), grpc.KeepaliveParams(parameters), grpc.ForceServerCodec(codec{}),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(window),
		// One goroutine for all calls, which are short, instead of one for each.
		grpc.NumStreamWorkers(1))
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: serviceName,
		HandlerType: (*Service)(nil),
		Methods: []grpc.MethodDesc{
			method(methodRole, Service.Role),
			method(methodCredentials, Service.Credentials),
			method(methodHealth, Service.Health),
		},
	}, service)
	return server, nil
}

func method[In, Out any](name string, call func(Service, context.Context, *In) (*Out, error)) grpc.MethodDesc {
	return grpc.MethodDesc{
		MethodName: name,
		Handler: func(service any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			request := new(In)
			if err := decode(request); err != nil {
				return nil, err
			}
			return call(service.(Service), ctx, request)
		},
	}
}

// Client talks to the kiam servers behind one address.
type Client struct{ connection *grpc.ClientConn }

// Dial connects to every address that DNS gives for address (host:port), and returns as soon as
// one answers, or with an error when the context ends. Calls go round among them. The servers must
// have certificates of the same CA for the host's name.
func Dial(ctx context.Context, address string, files Files, parameters keepalive.ClientParameters) (*Client, error) {
	credentials, err := files.clientCredentials(address)
	if err != nil {
		return nil, err
	}
	//nolint:staticcheck // DialContext with WithBlock is what "fails when no server answers in time" means.
	connection, err := grpc.DialContext(ctx, "dns:///"+address,
		grpc.WithTransportCredentials(credentials),
		grpc.WithKeepaliveParams(parameters),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDisableServiceConfig(),
		grpc.WithIdleTimeout(0),
		grpc.WithInitialWindowSize(window),
		grpc.WithInitialConnWindowSize(window),
		grpc.WithBlock(),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(codec{})),
	)
	if err != nil {
		return nil, err
	}
	return &Client{connection: connection}, nil
}

// Close ends the connections.
func (c *Client) Close() { _ = c.connection.Close() }

// Role asks for the role that the pod with an address is annotated with.
func (c *Client) Role(ctx context.Context, ip string) (string, error) {
	answer := &RoleName{}
	err := c.call(ctx, methodRole, &Address{IP: ip}, answer)
	return answer.Name, err
}

// Credentials asks for a role's credentials for the pod with an address.
func (c *Client) Credentials(ctx context.Context, ip, role string) (*Credentials, error) {
	answer := &Credentials{}
	if err := c.call(ctx, methodCredentials, &CredentialsRequest{IP: ip, Role: role}, answer); err != nil {
		return nil, err
	}
	return answer, nil
}

// Health asks a server how it is.
func (c *Client) Health(ctx context.Context) (string, error) {
	answer := &Health{}
	err := c.call(ctx, methodHealth, &Nothing{}, answer)
	return answer.Message, err
}

func (c *Client) call(ctx context.Context, method string, request, answer message) error {
	return c.connection.Invoke(ctx, "/"+serviceName+"/"+method, request, answer)
}
