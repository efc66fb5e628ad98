import { foreignLines, isError, kiamLogLines } from "./log.js";
import type { Problem } from "../../migration/text/problem.js";

/** What an agent's log says about why it is not healthy; each message once. */
export function agentLogProblems(log: string, where: string): Problem[] {
  const messages = new Set(
    kiamLogLines(log)
      .filter(isError)
      .map((line) => line.msg),
  );
  // gRPC writes its own lines, without kiam's form.
  for (const line of foreignLines(log)) {
    if (/x509|certificate|handshake|no such host|connection refused/i.test(line)) {
      messages.add(line.trim().slice(0, 400));
    }
  }
  return [...messages].slice(-10).map((message) => ({ where, what: message, ...hint(message) }));
}

function hint(message: string): Pick<Problem, "why" | "fix"> {
  const known = hints.find(({ matches }) => matches.test(message));
  return known === undefined ? {} : { why: known.why, fix: known.fix };
}

const hints: { matches: RegExp; why: string; fix: string }[] = [
  {
    matches: /x509|certificate|handshake/i,
    why: "agent and server know each other by certificates of one CA",
    fix: "both need tls.crt, tls.key and ca.crt of the same issue; the server's certificate has to name kiam-server",
  },
  {
    matches: /no such host|produced zero addresses|name resolver/i,
    why: "the agent finds its server through cluster DNS, also on the host's network (ClusterFirstWithHostNet)",
    fix: "check the headless Service of kiam's server, and the cluster's DNS from that worker",
  },
  {
    matches: /error creating server gateway|context deadline exceeded/i,
    why: "the agent did not reach its server in time",
    fix: "see whether the server is ready, and whether the network lets workers reach the masters on its port",
  },
  {
    matches: /iptables/i,
    why: "without its rule the agent is never asked",
    fix: "the agent needs NET_ADMIN and the host's network; HOST_IP and --host-interface have to be right",
  },
];
