/*
 * One cluster for all fault tests, its stack, and what its applications were answered. Lives in
 * the operator's network (run.ts). Its methods share what the session knows of the stack: one file.
 */
import assert from "node:assert/strict";

import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import type { Stack } from "@pulumi/pulumi/automation";
import pWaitFor from "p-wait-for";

import { lookAtWorkers } from "../../automation/recover/lookAtWorkers.js";
import { moveTo, type MoveOptions } from "../../automation/moveTo.js";
import { configure } from "../../automation/openStack.js";
import { silentProgress, type Progress } from "../../automation/progress.js";
import { UpdateFailedError } from "../../automation/update/watchedUpdate.js";
import { adminIam } from "../../lab/aws/admin.js";
import { adminKube } from "../../lab/cluster/adminKube.js";
import type { Cluster } from "../../lab/cluster/cluster.js";
import { openCluster } from "../../lab/cluster/start.js";
import { readNatRules, systemsInOrder } from "../../lab/natRules.js";
import { handOver, labSettings, labStack, operatorEnvironment } from "../../lab/operator.js";
import type { Parts } from "../../lab/parts/types.js";
import { deployWorkload } from "../../lab/workload/applications.js";
import { deployKube2iam } from "../../lab/workload/kube2iam.js";
import { RecordsAsTheyCome } from "../../lab/workload/records.js";
import { applicationRoles, seedRoles } from "../../lab/workload/roles.js";
import { summarise, type Tally } from "../../lab/workload/summary.js";
import { parseSettings } from "../../migration/settings/parse.js";
import type { SettingsInput } from "../../migration/settings/schema.js";
import type { Stage } from "../../migration/stages.js";

/** Workers of the cluster at the start: the first is the canary. */
export const workers = 2;

/** Milliseconds between the requests of one client; each worker has eight, in their own time. */
const interval = 400;

/** Environment variable by which run.ts hands over engine and plugins. */
export const programsVariable = "KIAM_FAULTS_PROGRAMS";

/** Environment variable by which run.ts says which part of the faults is to be made: `1/2`. */
export const shardVariable = "KIAM_FAULTS_SHARD";

/** Settings of a test, laid over the session's own, section by section. */
export type Change = { [Section in keyof SettingsInput]?: Partial<SettingsInput[Section]> };

/** What an update did. */
export interface Update {
  /** Why it failed; empty where it did not. */
  failure: string;
  /** What was done, in order. */
  steps: string[];
}

/** Which systems' rules a worker has, in the order in which they match. */
const rulesAt: Record<Stage, string> = {
  prepare: "kube2iam",
  server: "kube2iam",
  agent: "kube2iam before kiam",
  cutover: "kiam",
  retire: "kiam",
};

export class Session {
  /** The stage at which everything is known to be in order; undefined while a fault is on. */
  private settled: Stage | undefined;
  /** The stage of the last update that succeeded as it had to. */
  private reached: Stage | undefined;
  private opened: { written: string; stack: Stack } | undefined;

  private constructor(
    readonly kube: KubeConfig,
    readonly core: CoreV1Api,
    readonly programs: Pick<Parts, "engine" | "plugins">,
    readonly environment: Record<string, string>,
    private readonly records: RecordsAsTheyCome,
  ) {}

  /** The cluster as production looks before the migration, under load. */
  static async start(): Promise<Session> {
    const programs = process.env[programsVariable];
    assert.ok(programs !== undefined, "run the fault tests by: npm run test:faults");
    const cluster = await openCluster();
    const environment = await operatorEnvironment(cluster);
    Object.assign(process.env, environment);
    const kube = await adminKube(cluster.paths);
    const session = new Session(
      kube,
      kube.makeApiClient(CoreV1Api),
      JSON.parse(programs) as Pick<Parts, "engine" | "plugins">,
      environment,
      new RecordsAsTheyCome(cluster.paths),
    );
    const iam = await adminIam(cluster.paths);
    await seedRoles(iam);
    await deployKube2iam(kube, { workers });
    await deployWorkload(kube, cluster.paths, { workers, interval });
    await session.prepareAgain();
    return session;
  }

  /** Stage prepare, and what is done by hand after it. */
  async prepareAgain(): Promise<void> {
    await this.mustReach("prepare");
    await handOver(await openCluster());
  }

  /** The cluster as it is now: nodes come and go. */
  cluster(): Promise<Cluster> {
    return openCluster();
  }

  /** The session's settings, with a test's own laid over them. */
  async settings(stage: Stage, change: Change = {}): Promise<SettingsInput> {
    const own = await labSettings(await openCluster(), stage);
    const base: SettingsInput = {
      ...own,
      // Faults that do not pass must not make the tests wait for minutes.
      probe: { ...own.probe, timeoutSeconds: 20 },
    };
    const sections = Object.keys(change) as (keyof Change)[];
    const changed = Object.fromEntries(
      sections.map((section) => [section, merged(base[section], change[section])]),
    );
    return { ...base, ...changed };
  }

  /** The stack with these settings written into its configuration. */
  async stack(stage: Stage, change: Change = {}): Promise<Stack> {
    const settings = await this.settings(stage, change);
    // The stage is written by every move.
    const written = JSON.stringify({ ...settings, stage: undefined });
    if (this.opened === undefined) {
      const cluster = await openCluster();
      const stack = await labStack(cluster, this.programs, this.environment, settings);
      this.opened = { written, stack };
    } else if (this.opened.written !== written) {
      await configure(this.opened.stack, settings);
      this.opened.written = written;
    }
    return this.opened.stack;
  }

  /**
   * Moves to a stage, or tries to.
   *
   * @param watch told `begin` and `end` of each step, such as `create gate worker-1-cutover-live`
   */
  async move(
    stage: Stage,
    change: Change = {},
    watch?: Watch,
    recover?: MoveOptions["recover"],
  ): Promise<Update> {
    this.settled = undefined;
    const stack = await this.stack(stage, change);
    const options = { progress: watched(watch), parallel: 4, recover };
    try {
      const { steps } = await moveTo(stack, stage, options);
      return { failure: "", steps: steps.map((step) => step.what) };
    } catch (error) {
      if (!(error instanceof UpdateFailedError)) throw error;
      return { failure: error.message, steps: error.steps.map((step) => step.what) };
    }
  }

  /** The update after a fault: it has to succeed and to leave every worker as its stage demands. */
  async mustReach(stage: Stage): Promise<Update> {
    const update = await this.move(stage);
    assert.equal(update.failure, "", `the update to stage ${stage}`);
    await this.assertRules(stage);
    // Where kube2iam came back, its new pods write their rule again, behind kiam's: the next
    // update sees to each worker anew, and a fault must not take that for its own doing.
    this.settled = this.reached === "retire" && stage !== "retire" ? undefined : stage;
    this.reached = stage;
    return update;
  }

  /** The stage at which the last update that had to succeed has left the cluster. */
  get stage(): Stage | undefined {
    return this.reached;
  }

  /** Brings the cluster in order at a stage, so that a fault can begin. */
  async begin(stage: Stage): Promise<void> {
    if (this.settled !== stage) {
      const fromRetire = this.reached === "retire" && stage !== "retire";
      const look = lookAtWorkers(parseSettings(await this.settings(stage)));
      const { failure } = await this.move(stage, {}, undefined, { look });
      if (failure === "") {
        await this.assertRules(stage);
        this.reached = stage;
        // As after mustReach: kube2iam's new pods have each worker looked at once more.
        if (fromRetire) await this.mustReach(stage);
      } else {
        // What a fault before it has left may take two updates to mend, and a stack that one has
        // destroyed is another kiam-server for the roles that trusted it.
        console.log(`    begin at ${stage}, once more from prepare: ${failure.slice(0, 600)}`);
        await this.prepareAgain();
        await this.mustReach(stage);
      }
    }
    this.settled = undefined;
  }

  /** Whose rules each worker has, in the order in which they match. */
  async rules(): Promise<Record<string, string>> {
    const cluster = await openCluster();
    const all = await readNatRules(cluster);
    return Object.fromEntries(
      cluster.workers.map(({ name, address }) => [
        name,
        systemsInOrder(all[name] ?? [], address).join(" before "),
      ]),
    );
  }

  async assertRules(stage: Stage): Promise<void> {
    const rules = await this.rules();
    const wanted = Object.fromEntries(Object.keys(rules).map((name) => [name, rulesAt[stage]]));
    assert.deepEqual(rules, wanted, `rules at stage ${stage}`);
  }

  /**
   * Waits until every application's client on the cluster has had a good answer since a moment. The
   * error says what the others were answered last.
   */
  async everybodyServed(since: number, seconds = 60): Promise<void> {
    let silent: string[] = [];
    await pWaitFor(
      async () => {
        const good = new Set<string>();
        const last = new Map<string, string>();
        for (const record of await this.records.read()) {
          const client = `${record.namespace}/${record.pod} (${record.mode})`;
          if (record.kind === "ok" && Date.parse(record.time) >= since) good.add(client);
          last.set(client, `${record.time} ${record.kind} ${record.error ?? record.role ?? ""}`);
        }
        silent = (await this.clients())
          .filter((client) => !good.has(client))
          .map((client) => `${client}, last ${last.get(client) ?? "nothing"}`);
        return silent.length === 0;
      },
      { interval: 500, timeout: seconds * 1000 },
    ).catch(() => assert.fail(`no good answer within ${seconds} s for ${silent.join("; ")}`));
  }

  /** What the applications were answered in a stretch of time. */
  async answers(from: number, to: number): Promise<Tally & { examples: string[] }> {
    const records = await this.records.read();
    const { windows } = await summarise(records, {
      windows: [{ name: "fault", from, to }],
      until: to,
    });
    const [tally] = windows;
    assert.ok(tally !== undefined);
    const examples: string[] = [];
    for (const record of records) {
      const at = Date.parse(record.time);
      if (at < from || at >= to || !["failed", "wrong"].includes(record.kind)) continue;
      if (examples.length < 10) examples.push(JSON.stringify(record));
    }
    // Of what was before, nothing is asked again but when each client was last served.
    this.records.forgetBefore(to - 60_000);
    return { ...tally, examples };
  }

  /** `namespace/pod (mode)` of every client that runs now. */
  private async clients(): Promise<string[]> {
    const lists = await Promise.all(
      applicationRoles.map(({ namespace }) => this.core.listNamespacedPod({ namespace })),
    );
    const pods = lists.flatMap((list) => list.items);
    const here = new Set((await openCluster()).workers.map((worker) => worker.name));
    return pods
      .filter((pod) => pod.metadata?.deletionTimestamp === undefined)
      .filter((pod) => here.has(pod.spec?.nodeName ?? ""))
      .flatMap((pod) =>
        // Its containers are named by how they connect.
        (pod.spec?.containers ?? []).map(
          ({ name }) => `${pod.metadata?.namespace}/${pod.metadata?.name} (${name})`,
        ),
      );
  }
}

/** Hears of an update's steps as they begin and end. */
export type Watch = (step: string, when: "begin" | "end") => void;

/** Calls once, at the beginning or end of that step. */
export function once(step: string, when: "begin" | "end", act: () => Promise<unknown>) {
  let acted: Promise<unknown> | undefined;
  const watch: Watch = (seen, at) => {
    if (at === when && seen.endsWith(` ${step}`)) acted ??= act();
  };
  return {
    watch,
    done: async () => {
      assert.ok(acted !== undefined, `${step} was seen to ${when}`);
      await acted;
    },
  };
}

function watched(watch: Watch | undefined): Progress {
  if (watch === undefined) return silentProgress;
  return {
    ...silentProgress,
    step(title) {
      watch(title, "begin");
      const ended = () => watch(title, "end");
      return { update: () => {}, done: ended, fail: ended, stop: ended };
    },
  };
}

function merged(base: unknown, change: unknown): unknown {
  return isObject(base) && isObject(change) ? { ...base, ...change } : (change ?? base);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
