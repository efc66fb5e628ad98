import { logrusFields } from "./logrus.js";

/** A request that kube2iam answered. */
export interface Kube2iamRequest {
  /** When it was answered, in milliseconds since 1970. */
  time: number;
  method: string;
  /** Without the query, decoded: kiam's --allow-route-regexp is matched against the same. */
  path: string;
  /** Address of who asked; empty where kube2iam could not tell. */
  address: string;
  status: number;
}

/** What a part of kube2iam's log shows. */
export interface Kube2iamLogPart {
  /** Time of its first line, in milliseconds since 1970; undefined where no line has one. */
  begins: number | undefined;
  /** When kube2iam began to listen, where that is in this part. */
  started: number | undefined;
  /** In the order in which they were logged. */
  requests: Kube2iamRequest[];
}

/**
 * Reads a part of kube2iam's log, in either format (--log-format). kube2iam logs one line with a
 * status for each request but for /healthz, at level info, since 0.6 [server/server.go ServeHTTP].
 * Lines of other programs, and lines that were cut off, are passed over.
 */
export function readKube2iamLogPart(log: string): Kube2iamLogPart {
  const part: Kube2iamLogPart = { begins: undefined, started: undefined, requests: [] };
  for (const line of log.split("\n")) {
    const answered = line.includes("res.status");
    const starts = line.includes("Listening on port ");
    if (!answered && !starts && part.begins !== undefined) continue;
    const fields = logrusFields(line);
    const time = Date.parse(fields?.time ?? "");
    if (fields === undefined || Number.isNaN(time)) continue;
    part.begins ??= time;
    if (starts && fields.msg?.startsWith("Listening on port ")) part.started = time;
    const status = Number(fields["res.status"]);
    const path = fields["req.path"];
    if (path === undefined || !Number.isInteger(status)) continue;
    part.requests.push({
      time,
      method: fields["req.method"] ?? "",
      path,
      address: fields["req.remote"] ?? "",
      status,
    });
  }
  return part;
}

/** Whether a path is one of those that give a pod its role or its credentials, under both systems. */
export function isCredentialsPath(path: string): boolean {
  return /^\/[^/]+\/meta-data\/iam\/security-credentials(\/|$)/.test(path);
}

/** Whether a path gives credentials, not only the role's name. */
export function givesCredentials(path: string): boolean {
  return /^\/[^/]+\/meta-data\/iam\/security-credentials\/./.test(path);
}

/**
 * Whether a path is that of IMDSv2's token. Both systems pass a PUT for it on to EC2 (kiam whatever
 * --allow-route-regexp says, since 3.6 [pkg/aws/metadata/handler_proxy.go]); EC2 answers nothing else.
 */
export function isTokenPath(path: string): boolean {
  return /^\/?[^/]+\/api\/token$/.test(path);
}

/** Paths that kube2iam itself answers: EC2 is not asked for them. */
export function isKube2iamsOwnPath(path: string): boolean {
  return ["/healthz", "/metrics", "/debug/store"].includes(path);
}
