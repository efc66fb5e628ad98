import { stages, type Stage } from "../../migration/stages.js";
import { weights, type Shard } from "./shard.js";

/** A fault as far as the order matters. */
export interface Scheduled {
  name: string;
  /** Stage at which it begins. */
  at: Stage;
  /** Stage at which it leaves the cluster. */
  leaves: Stage;
}

/**
 * Seconds of a move from each stage to the next, forward and back, on 2 cores. Only their ratios
 * matter: they say which way round is shorter.
 */
const forwardSeconds = { prepare: 9, server: 20, agent: 40, cutover: 50, retire: 0 };
const backSeconds = { prepare: 0, server: 6, agent: 17, cutover: 16, retire: 16 };

/** About how long it takes to bring a cluster from one stage to another. */
export function moveSeconds(from: Stage, to: Stage): number {
  const [a, b] = [stages.indexOf(from), stages.indexOf(to)];
  const sum = (between: readonly Stage[], table: Record<Stage, number>) =>
    between.reduce((total, stage) => total + table[stage], 0);
  return a <= b
    ? sum(stages.slice(a, b), forwardSeconds)
    : sum(stages.slice(b + 1, a + 1), backSeconds);
}

/**
 * Faults in an order in which one begins where another has left the cluster, as far as that can
 * be: always the one that is the nearest. Of several, those come first that leave it where it is,
 * then those that go forward the least, so that a long way is gone once and for many.
 */
export function inOrder<T extends Scheduled>(faults: readonly T[], from: Stage = "prepare"): T[] {
  const left = [...faults];
  const order: T[] = [];
  for (let stage = from; left.length > 0;) {
    const rank = (fault: T): [number, number] => {
      const ahead = stages.indexOf(fault.leaves) - stages.indexOf(fault.at);
      return [moveSeconds(stage, fault.at), ahead < 0 ? stages.length - ahead : ahead];
    };
    const [next] = [...left].sort((a, b) => {
      const [[moveA, wayA], [moveB, wayB]] = [rank(a), rank(b)];
      return moveA - moveB || wayA - wayB;
    });
    if (next === undefined) break;
    left.splice(left.indexOf(next), 1);
    order.push(next);
    stage = next.leaves;
  }
  return order;
}

/**
 * A shard's stretch of the faults in their order, cut where what they took, measured, is shared
 * evenly. Whole stretches keep together what shares a state.
 *
 * @param seconds by name; a fault that is not there counts as the mean of the others
 */
export function stretchOf<T extends Scheduled>(
  faults: readonly T[],
  seconds: Readonly<Record<string, number>>,
  { index, count }: Shard,
): T[] {
  const order = inOrder(faults);
  const weigh = weights(order, ({ name }) => seconds[name]);
  const total = order.reduce((sum, fault) => sum + weigh(fault), 0);
  let before = 0;
  return order.filter((fault) => {
    const weight = weigh(fault);
    const middle = before + weight / 2;
    before += weight;
    return Math.min(count, Math.floor((middle / total) * count) + 1) === index;
  });
}
