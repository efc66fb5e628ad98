import { IamReader } from "../../cluster/aws/iam.js";
import { describePod, nameOf } from "../../cluster/kubernetes/objects.js";
import type { Problem } from "../../migration/text/problem.js";
import { explainRollout, unplaced } from "../nodes/rollout.js";
import type { GateContext } from "../protocol/context.js";
import type { CheckedInput } from "../protocol/inputs.js";
import { explainDenial, type ExplainedDenial } from "./deniedRole.js";
import { explainCause, fetchCause } from "./fetchFailure.js";
import type { ServersSeen, ServerState } from "./serverState.js";

type Input = Pick<CheckedInput<"verify-server">, "iam" | "caHostPath">;

/** What is not as it should be; `final` where waiting will not mend it. */
export interface Shortfall {
  problems: Problem[];
  final: boolean;
}

/** What keeps kiam's servers from being right, with causes as far as their logs and IAM tell. */
export async function explainServers(
  context: GateContext,
  input: Input,
  { unfinished, states, roles, informative }: ServersSeen,
): Promise<Shortfall> {
  const problems: Problem[] = [];
  let final = false;
  if (unfinished !== undefined) {
    final = unplaced(unfinished).some((problem) => problem.fix !== undefined);
    problems.push(...(await explainRollout(context, unfinished)));
  }
  for (const { pod, log, health } of states) {
    if (health !== undefined) problems.push(health);
    for (const message of log.fatal) {
      const cause = explainCause(fetchCause(message), input);
      problems.push({ where: describePod(pod), what: message, ...cause });
    }
    for (const message of log.forbidden) {
      problems.push({
        where: describePod(pod),
        what: message,
        why: "kiam's server learns of pods and namespaces by watching them",
        fix: "its ServiceAccount needs a ClusterRole with get, list and watch on pods and namespaces",
      });
    }
  }
  const failures = await explainFailures(input, states);
  problems.push(...failures.problems);
  final ||= failures.final;

  const failed = new Set(states.flatMap(({ log }) => [...log.failed.keys()]));
  for (const role of informative ? roles : []) {
    const without = states.filter(({ log }) => !log.fetched.has(role));
    if (failed.has(role) || without.length === 0) continue;
    problems.push({
      where: `role ${role}`,
      what: `pods need it, and ${without.map(({ pod }) => nameOf(pod).name).join(", ")} did not say that it was fetched`,
      fix: "see the server's log; it fetches a pod's role when it starts and whenever a pod appears",
    });
  }
  return { problems, final };
}

/** Roles that could not be fetched, by cause: each role once, each common cause once. */
async function explainFailures(input: Input, states: ServerState[]): Promise<Shortfall> {
  const failed = new Map(states.flatMap(({ log }) => [...log.failed]));
  if (failed.size === 0) return { problems: [], final: false };
  const denials: ExplainedDenial[] = [];
  const common = new Map<string, { problem: Problem; roles: string[]; final: boolean }>();
  let iam: IamReader | undefined;
  for (const [role, message] of [...failed].sort()) {
    const cause = fetchCause(message);
    if (cause.kind === "denied") {
      iam ??= await IamReader.connect(input.iam.region);
      denials.push(await explainDenial(iam, input.iam, { ...cause, role, message }));
      continue;
    }
    const key = cause.kind === "other" ? message : cause.kind;
    const known = common.get(key)?.roles ?? [];
    common.set(key, {
      roles: [...known, role],
      // Nothing but another mount changes which CAs the server trusts.
      final: cause.kind === "ca",
      problem: { where: "kiam's server", what: message, ...explainCause(cause, input) },
    });
  }
  const problems = [
    ...[...common.values()].map(({ problem, roles }) => ({
      ...problem,
      where: `${problem.where}, fetching ${roles.join(", ")}`,
    })),
    ...denials.map(({ problem }) => problem),
  ];
  for (const unread of iam?.failures ?? []) {
    problems.push({
      where: "IAM",
      what: `could not read ${unread}`,
      why: "the cause above may be incomplete",
    });
  }
  const final =
    denials.some((denial) => denial.final) || [...common.values()].some((each) => each.final);
  return { problems, final };
}
