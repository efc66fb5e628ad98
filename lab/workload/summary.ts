/** What the applications felt: requests, failures, wrong identities and gaps, from the records. */
import type { RequestRecord } from "./records.js";

/** A stretch of time to report by itself, such as a stage; milliseconds since the epoch. */
export interface Window {
  name: string;
  from: number;
  to: number;
}

export interface Tally {
  /** Requests that count: ok, failed and wrong. */
  requests: number;
  failed: number;
  /** Failed requests by kind of failure. */
  causes: Record<string, number>;
  /** Answered with another identity than the pod's own role. */
  wrong: number;
  /** Of the wrong ones: answered with the node's own role. */
  nodeOwnRole: number;
  /** Of the good ones: STS could not be asked, only the role's name was checked. */
  unverified: number;
  /**
   * Longest time between two consecutive good answers of one client, milliseconds. It is
   * never shorter than the client's own interval. A gap counts in every window it touches.
   */
  longestGap: number;
  longestGapByNode: Record<string, number>;
  longestGapByRole: Record<string, number>;
}

export interface Summary extends Tally {
  /** Clients (pod and mode) that wrote at least one record. */
  clients: number;
  /** Failed before a client's first answer; not among the requests. */
  warmup: number;
  windows: (Tally & Window)[];
  /** The first requests that failed or were wrong, as recorded. */
  examples: RequestRecord[];
}

export interface SummaryOptions {
  windows?: readonly Window[];
  /**
   * When the observation ended, milliseconds since the epoch. A client that fell silent
   * before, without having been stopped, has a gap until then. Default: its last record.
   */
  until?: number;
}

const EXAMPLES = 20;

const emptyTally = (): Tally => ({
  requests: 0,
  failed: 0,
  causes: {},
  wrong: 0,
  nodeOwnRole: 0,
  unverified: 0,
  longestGap: 0,
  longestGapByNode: {},
  longestGapByRole: {},
});

interface Client {
  node: string;
  role: string;
  /** End of the last good answer. */
  lastGood?: number;
  /** End of the last request of any kind. */
  lastSeen: number;
}

/** Summarises records; those of one client have to come in the order of time. */
export async function summarise(
  records: AsyncIterable<RequestRecord> | Iterable<RequestRecord>,
  options: SummaryOptions = {},
): Promise<Summary> {
  const total = emptyTally();
  const windows = (options.windows ?? []).map((window) => ({ ...emptyTally(), ...window }));
  const clients = new Map<string, Client>();
  const examples: RequestRecord[] = [];
  let warmup = 0;

  const gap = (client: Client, to: number) => {
    const from = client.lastGood;
    if (from === undefined || to <= from) return;
    const touched = windows.filter((window) => from < window.to && to > window.from);
    for (const tally of [total, ...touched]) {
      addGap(tally, client, to - from);
    }
  };

  for await (const record of records) {
    const began = Date.parse(record.time);
    const ended = began + record.durationMs;
    const id = `${record.namespace}/${record.pod}/${record.mode}`;
    let client = clients.get(id);
    if (!client) {
      client = { node: record.node, role: record.expected, lastSeen: ended };
      clients.set(id, client);
    }
    if (record.kind === "end") {
      gap(client, ended);
      client.lastGood = undefined;
      continue;
    }
    client.lastSeen = ended;
    if (record.kind === "warmup") warmup += 1;
    if (record.kind === "warmup" || record.kind === "stopping") continue;
    for (const tally of [total, ...windows.filter((one) => began >= one.from && began < one.to)]) {
      count(tally, record);
    }
    if (record.kind === "ok") {
      gap(client, ended);
      client.lastGood = ended;
    } else if (examples.length < EXAMPLES) {
      examples.push(record);
    }
  }
  for (const client of clients.values()) {
    gap(client, options.until ?? client.lastSeen);
  }
  return { ...total, clients: clients.size, warmup, windows, examples };
}

function count(tally: Tally, record: RequestRecord) {
  tally.requests += 1;
  if (record.kind === "failed") {
    const cause = record.cause ?? "other";
    tally.failed += 1;
    tally.causes[cause] = (tally.causes[cause] ?? 0) + 1;
  }
  if (record.kind === "wrong") {
    tally.wrong += 1;
    if (record.nodeOwnRole) tally.nodeOwnRole += 1;
  }
  if (record.kind === "ok" && record.identityError !== undefined) tally.unverified += 1;
}

function addGap(tally: Tally, client: Client, length: number) {
  const { longestGapByNode: nodes, longestGapByRole: roles } = tally;
  tally.longestGap = Math.max(tally.longestGap, length);
  nodes[client.node] = Math.max(nodes[client.node] ?? 0, length);
  roles[client.role] = Math.max(roles[client.role] ?? 0, length);
}
