import { resolveRoleArn } from "../../migration/kiam/permitted.js";
import { foreignLines, isError, kiamLogLines, textOf, type KiamLogLine } from "./log.js";

/** What the log of one kiam server says so far. */
export interface ServerLog {
  /** ARNs of the roles whose credentials it got. */
  fetched: Set<string>;
  /** By role ARN: the last error in fetching it that no success followed. */
  failed: Map<string, string>;
  /** Errors that end the server. */
  fatal: string[];
  /** What the API server refuses it, such as listing pods. */
  forbidden: string[];
  /** Other errors: seen, not understood, each message once. */
  other: string[];
}

/**
 * Prefixes of kiam's messages about fetching a role's credentials.
 * @see kiam pkg/aws/sts/cache.go, pkg/prefetch/manager.go, pkg/server/server.go
 */
const fetchErrors = [
  "error requesting credentials: ",
  "error warming credentials: ",
  "error retrieving credentials in cache from future: ",
  "error retrieving credentials: ",
  "error fetching updated credentials for expiring: ",
  "error creating role identity: ",
];

const successes = new Set(["fetched credentials", "requested new credentials"]);

/** Everyday lines: an agent asked about a caller that the server does not know (yet). */
const everyday = /^error finding pod: |^pod denied by policy$|^error checking policy: /;

/** @param roleBaseArn makes an ARN of a role that a line names as its pod does */
export function analyseServerLog(log: string, roleBaseArn: string): ServerLog {
  const result: ServerLog = {
    fetched: new Set(),
    failed: new Map(),
    fatal: [],
    forbidden: [],
    other: [],
  };
  for (const line of kiamLogLines(log)) {
    const role = roleOf(line, roleBaseArn);
    if (successes.has(line.msg)) {
      if (role !== undefined) {
        result.fetched.add(role);
        result.failed.delete(role);
      }
    } else if (line.level === "fatal" || line.level === "panic") {
      remember(result.fatal, line.msg);
    } else if (isError(line)) {
      const prefix = fetchErrors.find((each) => line.msg.startsWith(each));
      if (prefix !== undefined && role !== undefined) {
        result.failed.set(role, line.msg.slice(prefix.length));
        result.fetched.delete(role);
      } else if (!everyday.test(line.msg)) {
        remember(result.other, line.msg);
      }
    }
  }
  for (const line of foreignLines(log)) {
    if (/ is forbidden: /.test(line)) {
      remember(result.forbidden, line.slice(line.indexOf("Failed to")).trim());
    }
  }
  return result;
}

function roleOf(line: KiamLogLine, roleBaseArn: string): string | undefined {
  const arn = textOf(line, "credentials.role") ?? textOf(line, "pod.iam.roleArn");
  if (arn !== undefined) return arn;
  const annotated = textOf(line, "pod.iam.requestedRole") ?? textOf(line, "pod.iam.role");
  return annotated === undefined || annotated === ""
    ? undefined
    : resolveRoleArn(annotated, roleBaseArn);
}

function remember(messages: string[], message: string): void {
  if (!messages.includes(message)) messages.push(message);
}
