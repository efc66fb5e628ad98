/* Runs in the operator's network namespace, called by main.ts: production under churn, moved there and back. */
import { setTimeout as sleep } from "node:timers/promises";

import { moveTo } from "../../automation/moveTo.js";
import { createProgress } from "../../automation/progress.js";
import { messageOf } from "../../migration/text/text.js";
import { agentNotReadyTaint } from "../../migration/facts/clusterFacts.js";
import type { Stage } from "../../migration/stages.js";
import { adminIam } from "../aws/admin.js";
import { adminKube } from "../cluster/adminKube.js";
import { openCluster } from "../cluster/start.js";
import { handOver, labSettings, labStack, operatorEnvironment } from "../operator.js";
import type { Parts } from "../parts/types.js";
import { deployWorkload } from "../workload/applications.js";
import { applyObjects } from "../workload/apply.js";
import { deployKube2iam } from "../workload/kube2iam.js";
import { seedRoles } from "../workload/roles.js";
import { shortcomings } from "./accounts.js";
import { judge, type Disturbance } from "./answers.js";
import { crowdObject } from "./crowd.js";
import { happenings, type OnlyPath } from "./events.js";
import { accountOfNodes } from "./look.js";
import { Mover, type Calm } from "./mover.js";
import { formatSoak, verdict } from "./report.js";
import { Scene } from "./scene.js";
import { firstWorkers, schedule, type SoakEvent } from "./schedule.js";
import { watchTaints } from "./taints.js";

/** Milliseconds between a client's requests: the machine also boots nodes and runs updates. */
const interval = 400;

/** @returns whether nothing was wrong, nothing failed that no event explains, and every node is as it should be */
export async function soak(
  parts: Pick<Parts, "engine" | "plugins">,
  { seed, minutes }: { seed: number; minutes: number },
): Promise<boolean> {
  const progress = createProgress();
  const { paths } = await openCluster();
  const environment = await operatorEnvironment(await openCluster());
  Object.assign(process.env, environment);
  const kube = await adminKube(paths);
  const scene = new Scene(kube, paths);
  const iam = await adminIam(paths);

  const stack = async (stage: Stage) => {
    const cluster = await openCluster();
    const settings = await labSettings(cluster, stage);
    const newNodes = { ...settings.newNodes, startupTaint: true };
    return labStack(cluster, parts, environment, { ...settings, newNodes });
  };

  await progress.run("production before the move", async () => {
    await seedRoles(iam);
    // New nodes have the startup taint at every stage; before stage agent kube2iam has to come.
    const tolerations = [{ key: agentNotReadyTaint.key, operator: "Exists" as const }];
    await deployKube2iam(kube, { workers: firstWorkers, tolerations });
    await deployWorkload(kube, paths, { workers: firstWorkers, interval });
    await applyObjects(kube, [crowdObject()]);
    await moveTo(await stack("prepare"), "prepare", { progress, parallel: 4 });
    await handOver(await openCluster());
  });

  const began = Date.now();
  const note = (text: string) =>
    progress.note(`${((Date.now() - began) / 60_000).toFixed(1).padStart(5)} min  ${text}`);
  const events = new Events(scene, note);
  const mover = new Mover({ stack, scene, calm: events, note });
  const watching = new AbortController();
  const taints = watchTaints(scene, watching.signal, note);
  const reading = readOn(scene, watching.signal);
  const problems: string[] = [];
  const failed = (error: unknown) => {
    const text = messageOf(error);
    note(`✗ ${text}`);
    problems.push(text);
  };

  const until = began + minutes * 60_000;
  const over = () => problems.length > 0 || Date.now() >= until;
  await Promise.all([
    mover.until(over).catch(failed),
    events.until(over, schedule(seed)).catch(failed),
  ]);
  if (problems.length === 0) await mover.settle().catch(failed);
  await scene.served((await openCluster()).workers.map(({ name }) => name)).catch(failed);
  watching.abort();
  await Promise.all([taints, reading]).catch(failed);

  const nodes = (await accountOfNodes(scene)).map((account) => ({
    account,
    shortcomings: shortcomings(mover.stage, account),
  }));
  const { answers } = scene.reading;
  const result = {
    minutes: (Date.now() - began) / 60_000,
    moves: mover.moves,
    failedMoves: mover.failed,
    stage: mover.stage,
    answers,
    judged: judge(answers, scene.disturbances),
    disturbances: scene.disturbances,
    nodes,
    problems,
  };
  progress.note(`\n${formatSoak(result)}`);
  const wrong = verdict(result);
  for (const each of wrong) progress.note(`✗ ${each}`);
  if (wrong.length === 0) {
    progress.note(
      "✓ No wrong identity, no request failed but where an event took the only path away, every node accounted for.",
    );
  }
  return wrong.length === 0;
}

/** Reads the records on, so that none has to be looked for on a node's disk when it leaves. */
async function readOn(scene: Scene, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(5000);
    await scene.reading.collect();
  }
}

/** Makes the events of a schedule, one at a time. */
class Events implements Calm {
  private held = false;
  private present: Promise<void> = Promise.resolve();

  constructor(
    private readonly scene: Scene,
    private readonly note: (text: string) => void,
  ) {}

  /** @throws what an event threw: then it did not end as it had to */
  async until(over: () => boolean, events: Iterator<SoakEvent>): Promise<void> {
    while (!over()) {
      const event = events.next().value as SoakEvent;
      await this.calm(event.pause, over);
      if (over()) return;
      this.present = this.make(event);
      await this.present;
    }
  }

  async hold(): Promise<void> {
    this.held = true;
    // One that fails fails the soak where it is waited for.
    await this.present.catch(() => undefined);
  }

  release(): void {
    this.held = false;
  }

  /** So many seconds in a row in which nothing holds the events back. */
  private async calm(seconds: number, over: () => boolean): Promise<void> {
    for (let waited = 0; waited < seconds && !over(); waited = this.held ? 0 : waited + 1) {
      await sleep(1000);
    }
  }

  private async make(event: SoakEvent): Promise<void> {
    const { what, run } = happenings[event.kind];
    const disturbance: Disturbance = {
      number: event.number,
      kind: event.kind,
      what: what(event),
      from: Date.now(),
    };
    this.scene.disturbances.push(disturbance);
    this.note(`event ${event.number}: ${disturbance.what}`);
    const path: OnlyPath = {
      gone: (why, nodes) => {
        const known = disturbance.mayFail?.nodes ?? [];
        disturbance.mayFail = { why, nodes: [...new Set([...known, ...nodes])] };
      },
      back: () => {
        if (disturbance.mayFail !== undefined) disturbance.mayFail.until = Date.now();
      },
    };
    try {
      await run(this.scene, event, path);
    } catch (error) {
      throw new Error(`event ${event.number}, ${disturbance.what}: ${messageOf(error)}`, {
        cause: error,
      });
    } finally {
      disturbance.to = Date.now();
    }
  }
}
