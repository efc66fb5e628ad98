/* Moves the cluster there and back, round after round, while things happen to it. */
import type { Stack } from "@pulumi/pulumi/automation";

import { moveTo } from "../../automation/moveTo.js";
import { silentProgress } from "../../automation/progress.js";
import { messageOf } from "../../migration/text/text.js";
import { stagesBetween, type Stage } from "../../migration/stages.js";
import type { Scene } from "./scene.js";

/** Holds events back: none begins while it is held, and one that is on is waited for. */
export interface Calm {
  hold: () => Promise<void>;
  release: () => void;
}

export interface MoverOptions {
  /** The stack, with the settings for the nodes as they are now. */
  stack: (stage: Stage) => Promise<Stack>;
  scene: Pick<Scene, "disturbances" | "moving">;
  calm: Calm;
  note: (text: string) => void;
}

/** Failures in a row, without an event, that are no longer the events' doing. */
const mostFailures = 3;

export class Mover {
  stage: Stage = "prepare";
  /** Updates that succeeded, and those that failed while an event was on. */
  moves = 0;
  failed = 0;

  constructor(private readonly options: MoverOptions) {}

  /** Moves on and on, from stage prepare, until that is over; ends between two stages. */
  async until(over: () => boolean): Promise<void> {
    const round = [...stagesBetween("prepare", "retire"), ...stagesBetween("retire", "prepare")];
    for (let next = 0; !over(); next += 1) {
      await this.reach(round[next % round.length] ?? "prepare");
    }
  }

  /** Repeats the present stage's update until it finds nothing to do; for when all events are over. */
  async settle(): Promise<void> {
    for (let times = 0; times < mostFailures; times += 1) {
      if ((await this.reach(this.stage)) === 0) return;
    }
    throw new Error(
      `after ${mostFailures} updates to stage ${this.stage} there is still something to do`,
    );
  }

  /**
   * @returns how many steps the update took
   * @throws where it fails three times in a row with no event on
   */
  private async reach(stage: Stage): Promise<number> {
    const { calm, scene, note } = this.options;
    for (let failures = 0; ;) {
      const began = Date.now();
      try {
        scene.moving = stage;
        const stack = await this.options.stack(stage);
        const { steps } = await moveTo(stack, stage, { progress: silentProgress, parallel: 4 });
        this.stage = stage;
        this.moves += 1;
        note(`stage ${stage}, ${steps.length} steps`);
        calm.release();
        return steps.length;
      } catch (error) {
        const meanwhile = scene.disturbances.filter(({ to }) => to === undefined || to >= began);
        this.failed += 1;
        const about = meanwhile.map(({ number, what }) => `event ${number}, ${what}`).join("; ");
        note(`stage ${stage} failed (${about || "no event"}): ${messageOf(error).slice(0, 700)}`);
        if (meanwhile.length === 0) failures += 1;
        else failures = 0;
        if (failures === mostFailures) throw error;
        await calm.hold();
      } finally {
        scene.moving = undefined;
      }
    }
  }
}
