import type { KubeConfig } from "@kubernetes/client-node";

import { interval, type Changes } from "../wait.js";

/** Milliseconds after which a pod that is watched is looked at anyway: a watch can fall silent. */
const anyway = 2000;

/**
 * Tells when a pod may have changed: at once where the API server lets it be watched, else by the
 * clock. What it is like then is for the next look to read.
 */
export class PodChanges implements Changes {
  /** Whether something has happened since the last {@link next}. */
  private changed = false;
  private wake: () => void = () => {};
  private watching = false;
  private stopped = false;
  private stopWatch: () => void = () => {};

  private constructor() {}

  static async of(
    config: KubeConfig,
    { namespace, name }: { namespace: string; name: string },
  ): Promise<PodChanges> {
    const { Watch } = await import("@kubernetes/client-node");
    const changes = new PodChanges();
    // Not awaited: the answer may never come, and the pod is waited for by the clock then.
    void new Watch(config)
      .watch(
        `/api/v1/namespaces/${namespace}/pods`,
        { fieldSelector: `metadata.name=${name}` },
        () => changes.note(),
        () => changes.end(),
      )
      .then(
        (watch) => {
          changes.stopWatch = () => watch.abort();
          if (changes.stopped) watch.abort();
        },
        () => changes.end(),
      );
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
    this.stopped = true;
    this.stopWatch();
  }

  private note(): void {
    // The first event is of the pod as it is: from then on the watch is known to work.
    this.watching = true;
    this.changed = true;
    this.wake();
  }

  /** It may not be watched, or no longer: from here on by the clock. */
  private end(): void {
    this.watching = false;
    this.wake();
  }
}
