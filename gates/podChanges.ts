import type { KubeConfig } from "@kubernetes/client-node";

import type { ObjectName } from "./cluster.js";
import { interval, type Changes } from "./wait.js";

/** Milliseconds after which a pod that is watched is looked at anyway: a watch can fall silent. */
const anyway = 2000;

/**
 * Tells when a pod may have changed: at once where the API server lets it be watched, else by the
 * clock. What it is like then is for the next look to read.
 */
export class PodChanges implements Changes {
  /** Whether something has happened that nobody has waited for yet. */
  private changed = false;
  private wake: () => void = () => {};
  private watching = false;
  private stopWatch: () => void = () => {};

  private constructor() {}

  static async of(config: KubeConfig, { namespace, name }: ObjectName): Promise<PodChanges> {
    const { Watch } = await import("@kubernetes/client-node");
    const changes = new PodChanges();
    changes.watching = true;
    try {
      const watch = await new Watch(config).watch(
        `/api/v1/namespaces/${namespace}/pods`,
        { fieldSelector: `metadata.name=${name}` },
        () => changes.note(),
        () => changes.end(),
      );
      changes.stopWatch = () => watch.abort();
    } catch {
      changes.end();
    }
    return changes;
  }

  async next(): Promise<void> {
    if (!this.changed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, this.watching ? anyway : interval);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.changed = false;
  }

  stop(): void {
    this.stopWatch();
  }

  private note(): void {
    this.changed = true;
    this.wake();
  }

  /** It may not be watched, or no longer: from here on by the clock. */
  private end(): void {
    this.watching = false;
    this.wake();
  }
}
