/* What the applications were answered in a soak, and which of it an event explains. */
import { RecordsAsTheyCome, type RequestRecord } from "../workload/records.js";
import type { LabPaths } from "../paths.js";

/** An event as it went. Times are milliseconds since the epoch. */
export interface Disturbance {
  number: number;
  kind: string;
  /** Such as `worker-2 reboots`. */
  what: string;
  from: number;
  /** Undefined while it is on. */
  to?: number;
  /**
   * Where and why requests may fail meanwhile: it takes the only path away. Undefined: nowhere.
   * `until`: when the path was back, where that was before the event had ended.
   */
  mayFail?: { why: string; nodes: string[]; until?: number };
}

/** Longer than this between two good answers of a client is a gap, milliseconds. */
const gapFrom = 1000;

/** A request under way when the path came back may still fail of it, milliseconds. */
const grace = 1500;

interface Gap {
  node: string;
  from: number;
  to: number;
}

/** Counts records, those of one client in the order of time, and keeps what was not well. */
export class Answers {
  requests = 0;
  readonly failed: RequestRecord[] = [];
  readonly wrong: RequestRecord[] = [];
  readonly gaps: Gap[] = [];
  /** By {@link clientOf}: when it was last answered well; kept after it has ended. */
  readonly lastGood = new Map<string, number>();
  /** The same, but only while the client runs. */
  private readonly running = new Map<string, number>();

  add(record: RequestRecord): void {
    const client = clientOf(record);
    const from = Date.parse(record.time);
    const to = from + record.durationMs;
    if (record.kind === "end") this.running.delete(client);
    if (record.kind === "ok" || record.kind === "failed" || record.kind === "wrong") {
      this.requests += 1;
    }
    if (record.kind === "failed") this.failed.push(record);
    if (record.kind === "wrong") this.wrong.push(record);
    if (record.kind !== "ok") return;
    const before = this.running.get(client);
    if (before !== undefined && to - before > gapFrom) {
      this.gaps.push({ node: record.node, from: before, to });
    }
    this.running.set(client, to);
    this.lastGood.set(client, to);
  }
}

/** `namespace/pod (mode)`. */
export function clientOf({
  namespace,
  pod,
  mode,
}: Pick<RequestRecord, "namespace" | "pod" | "mode">) {
  return `${namespace}/${pod} (${mode})`;
}

/** Reads the lab's records into {@link Answers}, each once. */
export class Reading {
  readonly answers = new Answers();
  private readonly records: RecordsAsTheyCome;
  private last: Promise<unknown> = Promise.resolve();

  constructor(paths: LabPaths) {
    this.records = new RecordsAsTheyCome(paths);
  }

  /** Reads what is new, then does something while nothing is read: a node's disk goes with the node. */
  async collect(andThen: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const next = this.last.then(async () => {
      for (const record of await this.records.read()) this.answers.add(record);
      this.records.forgetBefore(Number.POSITIVE_INFINITY);
      await andThen();
    });
    this.last = next.catch(() => undefined);
    await next;
  }
}

/** An event that had taken the only path away on a node between two moments. */
function during(
  disturbances: readonly Disturbance[],
  { node, from, to }: Gap,
): Disturbance | undefined {
  return disturbances.find(
    (each) =>
      each.mayFail?.nodes.includes(node) === true &&
      from < (each.mayFail.until ?? each.to ?? Number.POSITIVE_INFINITY) + grace &&
      to > each.from,
  );
}

export interface Judged {
  /** Failed requests that an event explains, by why. */
  explained: Map<string, number>;
  unexplained: RequestRecord[];
  /** The longest gap by the kind of event that explains it, else `none of them`; milliseconds. */
  gaps: Map<string, number>;
}

/** Which failures and gaps are those of an event that took the only path away there. */
export function judge(
  { failed, gaps }: Pick<Answers, "failed" | "gaps">,
  disturbances: readonly Disturbance[],
): Judged {
  const judged: Judged = { explained: new Map(), unexplained: [], gaps: new Map() };
  for (const record of failed) {
    const from = Date.parse(record.time);
    const cause = during(disturbances, { node: record.node, from, to: from + record.durationMs });
    const why = cause?.mayFail?.why;
    if (why === undefined) judged.unexplained.push(record);
    else judged.explained.set(why, (judged.explained.get(why) ?? 0) + 1);
  }
  for (const gap of gaps) {
    const kind = during(disturbances, gap)?.kind ?? "none of them";
    judged.gaps.set(kind, Math.max(judged.gaps.get(kind) ?? 0, gap.to - gap.from));
  }
  return judged;
}

/** What was going on around a request: events up to half a minute away. */
export function around(record: RequestRecord, disturbances: readonly Disturbance[]): string[] {
  const at = Date.parse(record.time);
  const near = 30_000;
  return disturbances
    .filter(({ from, to }) => from - near < at && at < (to ?? Number.POSITIVE_INFINITY) + near)
    .map(({ number, what, from, to }) => {
      const seconds = (moment: number) => `${((moment - at) / 1000).toFixed(1)} s`;
      return `event ${number}: ${what}, from ${seconds(from)} to ${to === undefined ? "the end" : seconds(to)} of it`;
    });
}
