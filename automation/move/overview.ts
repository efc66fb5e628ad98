import {
  describeWorkersSoFar,
  expectedMore,
  overviewOf,
  workersSoFar,
} from "../../migration/move/overview.js";
import type { Plan } from "../../migration/plan/plan.js";
import { leftToDo } from "../../migration/status/leftToDo.js";
import type { StateResource } from "../../migration/status/stackState.js";
import { count } from "../../migration/text/text.js";
import type { OnMoveEvent } from "../events.js";
import { formatElapsed, type Ending, type Progress, type Step } from "../progress.js";
import type { CompletedStep } from "../update/watchedUpdate.js";

/** Shows how far the update in hand is: its wave, its workers, and how long the rest may take. */
export class MoveOverview {
  private readonly finished = new Set<string>();
  private current: UpdateInHand | undefined;

  /** @param resources what was in the state before the first update */
  constructor(
    private readonly progress: Progress,
    private readonly resources: readonly StateResource[],
    private readonly onEvent: OnMoveEvent = () => {},
  ) {}

  /** An update has decided what to do. Where that is nothing on any worker, nothing is shown. */
  begin(plan: Plan): void {
    this.end();
    // kube2iam's pods are no resources: their going is not seen here.
    const left = leftToDo(plan, this.resources, { kube2iam: undefined });
    if (overviewOf(plan, left, this.finished).of === 0) return;
    const step = this.progress.step(`workers at stage ${plan.stage}`);
    this.current = { plan, left, step, began: Date.now() };
    this.show(this.current);
  }

  /** It is through with a resource. */
  see({ what }: CompletedStep): void {
    this.finished.add(what.slice(what.lastIndexOf(" ") + 1));
    if (this.current !== undefined) this.show(this.current);
  }

  /** On which workers it is done, and on which not; undefined where it has nothing to do on any. */
  soFar(): string | undefined {
    if (this.current === undefined) return undefined;
    const { plan, left } = this.current;
    return describeWorkersSoFar(plan.stage, workersSoFar(plan, left, this.finished));
  }

  /** It is over. */
  end(how: Ending = "done"): void {
    if (this.current === undefined) return;
    const { step } = this.current;
    const text = this.text(this.current);
    const ending = { done: "done", failed: "fail", stopped: "stop" } as const;
    step[ending[how]](text);
    this.current = undefined;
  }

  private show(update: UpdateInHand): void {
    const { wave, done, of, more } = this.overview(update);
    const at = update.plan.stage;
    this.onEvent({ type: "workers", at, wave, done, of, expectedMilliseconds: more });
    update.step.update(this.text(update));
  }

  private overview({ plan, left, began }: UpdateInHand) {
    const overview = overviewOf(plan, left, this.finished);
    return { ...overview, more: expectedMore(overview, Date.now() - began) };
  }

  private text(update: UpdateInHand): string {
    const { wave, done, of, more } = this.overview(update);
    return [
      ...(wave === undefined ? [] : [`${wave.name}, wave ${wave.number} of ${wave.of}`]),
      `${done} of ${count(of, "worker")}`,
      ...(more === undefined ? [] : [`about ${formatElapsed(more)} more`]),
    ].join("; ");
  }
}

interface UpdateInHand {
  plan: Plan;
  left: ReturnType<typeof leftToDo>;
  step: Step;
  began: number;
}
