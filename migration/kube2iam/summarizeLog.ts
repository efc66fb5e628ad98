import type { PodFacts } from "../facts/clusterFacts.js";
import { compareText } from "../text/text.js";
import type { AskedPath, ChurningPod, Kube2iamLogFacts } from "./log.js";
import {
  givesCredentials,
  isCredentialsPath,
  isKube2iamsOwnPath,
  isTokenPath,
  type Kube2iamLogPart,
} from "./requests.js";

/**
 * Requests a minute, and for how many minutes, from which on a pod is said to churn. SDKs keep
 * credentials until minutes before they expire, so that even one process with kube2iam's shortest
 * sessions (15 minutes) asks a few times an hour; one that asks every ten seconds keeps nothing.
 */
const churn = { requestsPerMinute: 6, minutes: 3 } as const;

interface Credentials {
  requests: number;
  first: number;
  last: number;
}

type AddressedPod = Pick<PodFacts, "namespace" | "name" | "ip" | "hostNetwork">;

/**
 * Sums up the log of many kube2iam pods, one part after the other, so that no more than one has to
 * be in memory. Who asked is told by the address that a pod has now: a pod that is gone is an
 * address, unless another one has got it since.
 */
export class Kube2iamLogSummary {
  private requests = 0;
  private readonly paths = new Map<string, Map<string, number>>();
  private readonly credentials = new Map<string, Credentials>();
  private readonly minutes: Record<string, number> = {};
  private readonly unread: string[] = [];
  private readonly pods: ReadonlyMap<string, AddressedPod>;

  constructor(pods: readonly AddressedPod[]) {
    this.pods = new Map(
      pods.flatMap((pod) =>
        // Those on the host's network share their node's address, and bypass kube2iam.
        pod.ip === undefined || pod.hostNetwork ? [] : [[pod.ip, pod] as const],
      ),
    );
  }

  /** @param minutes how far the part goes back without a gap */
  add(node: string, { requests }: Pick<Kube2iamLogPart, "requests">, minutes: number): void {
    this.minutes[node] = minutes;
    for (const { path, address, time, status } of requests) {
      if (isKube2iamsOwnPath(path)) continue;
      this.requests += 1;
      if (isTokenPath(path)) continue;
      if (isCredentialsPath(path)) {
        this.countCredentials(address, path, time);
      } else if (!isRefusal(status)) {
        const askers = this.paths.get(path) ?? new Map<string, number>();
        this.paths.set(path, askers.set(address, (askers.get(address) ?? 0) + 1));
      }
    }
  }

  addUnread(what: string): void {
    this.unread.push(what);
  }

  facts(): Kube2iamLogFacts {
    return {
      requests: this.requests,
      paths: [...this.paths]
        .map(([path, askers]) => this.askedPath(path, askers))
        .sort((a, b) => compareText(a.path, b.path)),
      credentials: Object.fromEntries(
        [...this.credentials]
          .flatMap(([address, { requests }]): [string, number][] => {
            const pod = this.pods.get(address);
            return pod === undefined ? [] : [[`${pod.namespace}/${pod.name}`, requests]];
          })
          .sort(([a], [b]) => compareText(a, b)),
      ),
      churning: [...this.credentials]
        .flatMap(([address, asked]) => this.churningPod(address, asked))
        .sort((a, b) => b.requests - a.requests || compareText(a.name, b.name)),
      minutes: this.minutes,
      unread: [...this.unread].sort(),
    };
  }

  private countCredentials(address: string, path: string, time: number): void {
    const known = this.credentials.get(address) ?? { requests: 0, first: time, last: time };
    // Most clients ask for the role's name first: two requests for one fetch.
    if (givesCredentials(path)) known.requests += 1;
    known.first = Math.min(known.first, time);
    known.last = Math.max(known.last, time);
    this.credentials.set(address, known);
  }

  private churningPod(address: string, { requests, first, last }: Credentials): ChurningPod[] {
    const pod = this.pods.get(address);
    const minutes = (last - first) / 60_000;
    if (pod === undefined || minutes < churn.minutes) return [];
    if (requests < minutes * churn.requestsPerMinute) return [];
    const { namespace, name } = pod;
    return [{ namespace, name, requests, minutes: Math.round(minutes) }];
  }

  private askedPath(path: string, byAddress: ReadonlyMap<string, number>): AskedPath {
    const askers = [...byAddress]
      .map(([address, requests]) => {
        const pod = this.pods.get(address);
        const who = pod === undefined ? address || "unknown" : `${pod.namespace}/${pod.name}`;
        return { who, namespace: pod?.namespace, requests };
      })
      .sort((a, b) => b.requests - a.requests || compareText(a.who, b.who));
    return { path, requests: askers.reduce((sum, asker) => sum + asker.requests, 0), askers };
  }
}

/** Whether EC2 refuses the path itself, as kiam will: no pod loses it. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500;
}
