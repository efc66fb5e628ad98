/** What kube2iam's log tells of what pods ask the metadata service for. */
export interface Kube2iamLogFacts {
  /** Paths asked for other than those of credentials, with who asked, by path. */
  paths: { path: string; requests: number; askers: string[] }[];
  /** Pods that ask for credentials so often that nothing can be cached: `namespace/name`. */
  churning: { pod: string; requests: number; minutes: number }[];
  /** What could not be read, and why. */
  unread: string[];
}
