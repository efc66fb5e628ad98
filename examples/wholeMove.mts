/*
 * The whole move of a cluster, and all the way back: node examples/wholeMove.mts staging retire
 */
import { audit, migrate, openStack, plan, rollback, stages } from "kube2iam-to-kiam";
import { status, stopOnSignals } from "kube2iam-to-kiam";

const [stackName = "staging", wanted] = process.argv.slice(2);
const to = stages.find((stage) => stage === wanted) ?? "retire";
const stack = await openStack({ stack: stackName });

const { findings, blocking } = await audit(stack, { stage: to });
console.log(`${findings.length} findings, ${blocking.length} in the way`);

const { id, stages: route } = await plan(stack, { to });
console.log(`plan ${id}: ${route.join(", then ")}`);

await stopOnSignals(async (signal, atOnce) => {
  const move = migrate(stack, { to, approve: id, signal, atOnce });
  for await (const event of move) {
    if (event.type === "stage-done") console.log(`${event.time} at stage ${event.at}`);
    if (event.type === "workers") console.log(`  ${event.done} of ${event.of} workers`);
  }
  const { done, workers } = await status(stack, { signal });
  console.log(`${workers.length} workers, ${done ? "nothing" : "something"} left to do`);

  const back = await rollback(stack, { all: true, approve: true, signal, atOnce });
  console.log(back.said);
});
