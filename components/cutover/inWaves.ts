import * as pulumi from "@pulumi/pulumi";

import { movesToKiam, type PlannedWorker, type Wave } from "../../migration/plan/plan.js";
import type { WorkerCutover } from "./workerCutover.js";

/**
 * Declares wave after wave: each worker's cutover comes after the whole wave before.
 *
 * @param first what the first wave comes after
 * @returns what has to be depended on to come after the last wave
 */
export function inWaves(
  waves: readonly Wave[],
  first: pulumi.Resource[],
  parent: pulumi.Resource | undefined,
  declare: (worker: PlannedWorker, after: pulumi.Resource[]) => WorkerCutover,
): pulumi.Resource[] {
  let before = first;
  for (const { name, workers } of waves) {
    const after = before;
    const moved = workers.filter(movesToKiam).map((worker) => declare(worker, after));
    if (moved.length > 0) before = [new WaveEnd(name, moved, parent).itself];
  }
  return before;
}

/**
 * The end of a wave, which stands for all of its workers to what comes after them. Each worker of the
 * next wave would have to list them all otherwise: with 1,000 workers, a third of the state. It
 * does nothing, so it may come, go and stand for other workers at any time.
 */
class WaveEnd extends pulumi.ComponentResource {
  readonly itself: pulumi.Resource = new ComponentItself(this);

  constructor(wave: string, moved: WorkerCutover[], parent: pulumi.Resource | undefined) {
    // A worker's steps come one after the other, so that the last one stands for all.
    const dependsOn = moved.flatMap(({ lastStep }) => lastStep);
    super("kube2iam-to-kiam:index:WaveEnd", `${wave}-end`, {}, { parent, dependsOn });
    this.registerOutputs({});
  }
}

/**
 * To depend on a component's own URN. The SDK takes a component for what is declared below it, which
 * would be nothing here; the engine takes a component in a dependency as it takes any other resource.
 */
export class ComponentItself extends pulumi.DependencyResource {
  override readonly urn: pulumi.Output<pulumi.URN>;

  constructor(readonly component: pulumi.ComponentResource) {
    super("");
    this.urn = component.urn;
  }
}
