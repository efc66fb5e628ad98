// Stands where kube2iam, the kiam agent and the node's own metadata service stand on a worker, and
// answers every request with its own name. It is an instrument of the tests, not a model of those
// systems: it knows health, by which also worker/probe/probe.sh tells who is there, and nothing else. All
// give the credentials of the role "app".
//
// Arguments: HOSTIP KUBE2IAMPORT KIAMPORT. Orders on stdin, one a line, each answered by "done":
//   healthy SYSTEM | unhealthy SYSTEM | hang SYSTEM
//   then SYSTEM STATE N   SYSTEM goes over to STATE after N more health requests
//   slow SYSTEM MS        health answers take that long
//   asked SYSTEM          answered at the next health request
//
// A request for /wait/MS is answered after that time. Connections are kept as long as the client
// wants; kube2iam listens as a Go server does, so that its IPv4 peers are IPv6 sockets.
import console from "node:console";
import http from "node:http";
import process from "node:process";
import readline from "node:readline";
import { setTimeout } from "node:timers";

const [hostIp, kube2iamPort, kiamPort] = process.argv.slice(2);
const systems = {};

const credentials = "/latest/meta-data/iam/security-credentials/";
const everywhere = {
  [credentials]: "app",
  [`${credentials}app`]: '{"Code":"Success","Expiration":"2030-01-01T00:00:00Z"}',
};
/** What each says of itself; it does not know the others' paths. */
const marks = {
  kube2iam: { "/healthz": `{"hostIP":"${hostIp}","instanceId":"i-0123"}` },
  kiam: { "/ping": "pong" },
  node: {},
};

function serve(name, address, port) {
  const system = { state: "healthy", slow: 0, change: undefined };
  systems[name] = system;
  const server = http.createServer((request, response) => {
    const isHealth = /^\/(ping|health)/.test(request.url);
    if (/^\/(ping|healthz)$/.test(request.url) && !(request.url in marks[name])) {
      response.writeHead(404).end();
      return;
    }
    if (request.url in everywhere) {
      response.end(everywhere[request.url]);
      return;
    }
    if (!isHealth) {
      setTimeout(() => response.end(name), Number(/^\/wait\/(\d+)$/.exec(request.url)?.[1] ?? 0));
      return;
    }
    const { state } = system;
    system.asked?.();
    if (system.change !== undefined && --system.change.requests <= 0) {
      system.state = system.change.state;
      system.change = undefined;
    }
    if (state === "hang") return;
    response.statusCode = state === "healthy" ? 200 : 503;
    setTimeout(
      () => response.end(state === "healthy" ? marks[name][request.url] : undefined),
      system.slow,
    );
  });
  server.keepAliveTimeout = 0;
  return new Promise((resolve) => server.listen(Number(port), address, resolve));
}

await serve("kube2iam", "::", kube2iamPort);
await serve("kiam", hostIp, kiamPort);
await serve("node", "169.254.169.254", 80);
console.log("ready");

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [order, name, ...rest] = line.split(" ");
  const system = systems[name];
  if (order === "then") system.change = { state: rest[0], requests: Number(rest[1]) };
  else if (order === "slow") system.slow = Number(rest[0]);
  else if (order === "asked") await new Promise((resolve) => (system.asked = resolve));
  else Object.assign(system, { state: order, slow: 0, change: undefined });
  console.log("done");
}
process.exit(0);
