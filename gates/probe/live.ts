import type { Worker } from "../../migration/situation/target.js";
import { messageOf } from "../../migration/text/text.js";
import { askWho, OtherSystemError, runProbe, type Question } from "./runProbe.js";
import { metadataService } from "../../worker/probe/verdict.js";
import { GateError, type Problem } from "../../migration/text/problem.js";
import { notInForce } from "../nodes/ruleReport.js";
import type { GateContext } from "../protocol/context.js";
import type { Probe, ProbeResult } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";

/**
 * Seconds that a pod asks before the answer counts as wrong. While a worker cannot be proven its
 * pods may be without credentials, and the other system is one rule away.
 */
const liveSeconds = 20;

/** Seconds for one question of who answers. */
const askSeconds = 10;

/**
 * A pod on that worker gets its role through 169.254.169.254, and it is `system` that answers
 * there. The rules have to say the same: they prove nothing by themselves, but where they differ
 * something else decides, for this pod and perhaps not for the next.
 */
export async function proveLive(context: GateContext, question: Question): Promise<ProbeResult> {
  const { worker, system } = question;
  const seconds = Math.min(liveSeconds, context.target.timeoutSeconds);
  let result: ProbeResult;
  try {
    result = await runProbe(context.cluster, { ...question, address: metadataService, seconds });
  } catch (error) {
    // Only here: pods have credentials, so that there is time to look.
    if (!(error instanceof OtherSystemError)) throw error;
    const explained = [...error.problems, await rulesSay(context, question)];
    throw new GateError(error.finding, explained, { cause: error });
  }
  const report = await (await context.rules()).inspect(worker);
  const problem = notInForce(worker, report, system);
  // Going back is not held up by rules that cannot be read: the answer is the proof.
  const readable = report.after.inForce !== "unknown";
  if (problem !== undefined && (system === "kiam" || readable)) {
    throw new GateError(`${worker.name} is not served by ${system}`, [problem]);
  }
  return result;
}

/**
 * For a node without an agent whose rules cannot be read: kube2iam answers at 169.254.169.254, or
 * EC2 itself does, so kiam's rule is not in force.
 *
 * @param probe unset: then nothing can be asked
 * @param why what keeps the node's rules from being read
 * @throws GateError with that, and what was answered
 */
export async function requireKiamNotInForce(
  { cluster }: GateContext,
  { worker, probe, why }: { worker: Worker; probe?: Probe; why: readonly Problem[] },
): Promise<void> {
  const question = { worker, address: metadataService, seconds: askSeconds };
  const asked = probe && (await askWho(cluster, { ...question, probe }));
  if (asked?.who === "kube2iam" || asked?.who === "nobody") {
    const seen = why.map(({ what }) => what).join("; ");
    progress(`${worker.name}: ${seen}; but kiam's rule is not in force: ${asked.answers}`);
    return;
  }
  throw new GateError(`Whether kiam's rule is on ${worker.name} cannot be told`, [
    ...why,
    {
      where: `node ${worker.name}`,
      what: asked?.answers ?? "and there is no probe to ask who answers there",
      why: "no agent of kiam is there: where its rule was left, pods are refused",
      fix: "on that node, delete the rule for kiam's port that iptables -t nat -S PREROUTING shows; or reboot or replace it; then run this again",
    },
  ]);
}

/** What a worker's rules tell where another system than `system` answered. */
async function rulesSay(context: GateContext, { worker, system }: Question): Promise<Problem> {
  const where = `node ${worker.name}`;
  try {
    const report = await (await context.rules()).inspect(worker);
    return (
      notInForce(worker, report, system) ?? {
        where,
        what: `by its iptables rules it would be ${system}: ${system}'s rule comes first`,
        why: "what iptables does not show decides here: a native nft table, eBPF, or a proxy on the way",
      }
    );
  } catch (error) {
    return { where, what: `its rules could not be read: ${messageOf(error)}` };
  }
}
