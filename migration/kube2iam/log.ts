/** What kube2iam's log tells of what pods ask the metadata service for. */
export interface Kube2iamLogFacts {
  /** Number of requests that it shows. */
  requests: number;
  /** Paths asked for other than those of credentials and of IMDSv2's token, and not refused by EC2; by path. */
  paths: AskedPath[];
  /** Number of requests for a role or its credentials, by pod: `namespace/name`. */
  credentials: Record<string, number>;
  /** Pods that ask for credentials so often that nothing can be cached; see summarizeLog.ts. */
  churning: ChurningPod[];
  /** How many minutes the log of each node goes back without a gap, by node that could be read. */
  minutes: Record<string, number>;
  /** What could not be read, and why. */
  unread: string[];
}

export interface AskedPath {
  path: string;
  requests: number;
  /** Who asked most comes first. */
  askers: Asker[];
}

export interface Asker {
  /** `namespace/name`, or the address where no pod has it (any more). */
  who: string;
  /** undefined where no pod has the address. */
  namespace: string | undefined;
  requests: number;
}

export interface ChurningPod {
  namespace: string;
  name: string;
  /** Requests for credentials. */
  requests: number;
  /** Minutes from the first to the last of them. */
  minutes: number;
}
