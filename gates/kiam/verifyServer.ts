import type { V1DaemonSet } from "@kubernetes/client-node";

import { flagValue } from "../../migration/kube2iam/flags.js";
import { Cluster, describePod, nameOf } from "../../cluster/kubernetes/cluster.js";
import { explainDenial, type ExplainedDenial } from "./deniedRole.js";
import { explainCause, fetchCause } from "./fetchFailure.js";
import { IamReader } from "../../cluster/aws/iam.js";
import { podFacts } from "../../cluster/facts/clusterFacts.js";
import { arnsInUse, rolesInUse } from "../../migration/situation/rolesInUse.js";
import type { CheckedInput, Gate, GateOutput } from "../protocol/inputs.js";
import { distinctProblems, GateError, type Problem } from "../../migration/text/problem.js";
import { progress } from "../protocol/progress.js";
import {
  explainRollout,
  lookAtRollout,
  unplaced,
  type UnfinishedRollout,
} from "../nodes/rollout.js";
import { askToFetch } from "../probe/refetch.js";
import { readServerState, type ServerState } from "./serverState.js";
import { Deadline, waitFor } from "../../cluster/wait.js";

type Input = CheckedInput<"verify-server">;

/** Milliseconds between two looks at the servers. */
const interval = 1500;

/** Milliseconds that an error has to last before its cause is looked for: a start is bumpy. */
const patience = 6000;

/** Milliseconds between two requests to fetch what is missing. */
const refetchInterval = 10_000;

/** What is not as it should be; `final` where waiting will not mend it. */
interface Shortfall {
  problems: Problem[];
  final: boolean;
}

interface Seen {
  unfinished: UnfinishedRollout | undefined;
  states: ServerState[];
  /** Whether the log is detailed enough to tell of fetched roles. */
  informative: boolean;
}

/**
 * kiam's server runs on every master, is healthy, and has fetched every role that running pods
 * need. Every problem is reported at once, each role once, with its cause as far as the log and
 * the IAM API tell.
 */
export const verifyServer: Gate<"verify-server"> = async (input) => {
  const { target, servers } = input;
  const cluster = await Cluster.connect(target.kubernetes);
  const name = { namespace: target.kiam.namespace, name: target.kiam.serverDaemonSet };
  const daemonSet = await cluster.daemonSet(name);
  if (daemonSet === undefined) {
    throw new GateError(`There is no DaemonSet ${name.namespace}/${name.name}`);
  }
  const roleBaseArn = input.roleBaseArn ?? flagValue(commandLine(daemonSet), "role-base-arn") ?? "";
  const roles = input.roles ?? (await neededRoles(cluster, roleBaseArn));

  const image = daemonSet.spec?.template.spec?.containers[0]?.image ?? "";

  let troubleSince: number | undefined;
  let askedAt = Date.now();
  const look = await waitFor<Seen, Shortfall>(
    Deadline.after(target.timeoutSeconds),
    async () => {
      // Of the few servers none is passed over: each that is missing makes all workers depend on fewer.
      const rollout = await lookAtRollout(cluster, name, servers, { passOverBroken: false });
      const unfinished = "pending" in rollout ? rollout.pending : undefined;
      const ready = "done" in rollout ? rollout.done.pods : rollout.pending.pods;
      const states = await Promise.all([
        ...[...ready.values()].map((pod) =>
          readServerState(cluster, pod, true, { roleBaseArn, serverPort: target.kiam.serverPort }),
        ),
        ...(unfinished?.unready ?? []).map((pod) =>
          readServerState(cluster, pod, false, { roleBaseArn, serverPort: target.kiam.serverPort }),
        ),
      ]);
      const informative = !/^(warn|error|fatal)/.test(
        flagValue(commandLine(daemonSet), "level") ?? "info",
      );
      const seen = {
        unfinished,
        states: states.map((each) => onlyNeeded(each, roles)),
        informative,
      };
      if (isRight(seen, roles)) return { done: seen };
      const missing = missingRoles(seen, roles);
      if (ready.size > 0 && missing.length > 0 && Date.now() - askedAt >= refetchInterval) {
        progress(`asking kiam's server to fetch ${missing.join(", ")}`);
        await askToFetch(cluster, target.kiam.namespace, image, missing);
        askedAt = Date.now();
      }
      if (!inTrouble(seen)) {
        troubleSince = undefined;
        return { pending: await shortfall(cluster, input, seen, roles) };
      }
      troubleSince ??= Date.now();
      const found = await shortfall(cluster, input, seen, roles);
      if (found.final && Date.now() - troubleSince >= patience) throw failure(found.problems);
      return { pending: found };
    },
    interval,
  );
  if (!("done" in look)) throw failure(look.pending.problems);
  return success(look.done, roles);
};

function failure(problems: Problem[]): GateError {
  return new GateError("kiam's server is not ready to take over", distinctProblems(problems));
}

function success({ states, informative }: Seen, roles: string[]): GateOutput<"verify-server"> {
  const servers = states.map(({ pod }) => pod.spec?.nodeName ?? "").sort();
  const notes = states.flatMap(({ pod, log }) =>
    log.other.map((message) => `${describePod(pod)} logged: ${message}`),
  );
  if (roles.length === 0) {
    notes.unshift(
      "no running pod needs a role: roll-out and health are proven, that roles can be fetched is not",
    );
  } else if (!informative) {
    notes.unshift(
      "the server's log level hides which roles it fetched: only the absence of errors is proven",
    );
  }
  progress(`kiam's server runs on ${servers.join(", ")} and is healthy`);
  if (informative) for (const role of roles) progress(`fetched: ${role}`);
  for (const note of notes) progress(`note: ${note}`);
  return {
    servers,
    roles: roles.map((role) => ({
      role,
      servers: states
        .filter(({ log }) => log.fetched.has(role))
        .map(({ pod }) => pod.spec?.nodeName ?? ""),
    })),
    notes,
  };
}

function isRight({ unfinished, states, informative }: Seen, roles: string[]): boolean {
  return (
    unfinished === undefined &&
    states.every(
      ({ log, health }) =>
        health === undefined &&
        log.failed.size === 0 &&
        log.fatal.length === 0 &&
        (!informative || roles.every((role) => log.fetched.has(role))),
    )
  );
}

/** Roles that some server has not fetched, or not since it last failed. */
function missingRoles({ states, informative }: Seen, roles: string[]): string[] {
  return roles.filter((role) =>
    states.some(({ log }) => log.failed.has(role) || (informative && !log.fetched.has(role))),
  );
}

/** Failures of roles that no running pod needs (any more) block nothing; they become notes. */
function onlyNeeded(state: ServerState, roles: string[]): ServerState {
  const { log } = state;
  const failed = [...log.failed];
  const others = failed.filter(([role]) => !roles.includes(role));
  return {
    ...state,
    log: {
      ...log,
      failed: new Map(failed.filter(([role]) => roles.includes(role))),
      other: [...log.other, ...others.map(([role, message]) => `${role}: ${message}`)],
    },
  };
}

/** Whether something is wrong, as opposed to not there yet. */
function inTrouble({ unfinished, states }: Seen): boolean {
  const generation = unfinished?.daemonSet.metadata?.generation ?? 0;
  const looked = (unfinished?.daemonSet.status?.observedGeneration ?? 0) >= generation;
  return (
    (unfinished !== undefined && looked && unfinished.missing.length > 0) ||
    states.some(
      ({ log, health }) => health !== undefined || log.failed.size > 0 || log.fatal.length > 0,
    )
  );
}

async function shortfall(
  cluster: Cluster,
  input: Input,
  { unfinished, states, informative }: Seen,
  roles: string[],
): Promise<Shortfall> {
  const problems: Problem[] = [];
  let final = false;
  if (unfinished !== undefined) {
    const { daemonSet, missing, unready } = unfinished;
    const nowhere = await unplaced(cluster, daemonSet, missing, unready);
    final ||= nowhere.some((problem) => problem.fix !== undefined);
    problems.push(...nowhere, ...(await explainRollout(cluster, unfinished)));
  }
  for (const { pod, log, health } of states) {
    if (health !== undefined) problems.push(health);
    for (const message of log.fatal) {
      problems.push({ where: describePod(pod), what: message, ...fatalHint(message, input) });
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

function fatalHint(message: string, input: Input): Pick<Problem, "why" | "fix"> {
  const cause = fetchCause(message);
  return cause.kind === "denied"
    ? {}
    : explainCause(cause, { caHostPath: input.caHostPath, region: input.iam.region });
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
      const { serverRoleArn, masterRoleName } = input.iam;
      const { caller, resource } = cause;
      denials.push(
        await explainDenial(
          iam,
          { serverRoleArn, masterRoleName },
          { role, message, caller, resource },
        ),
      );
      continue;
    }
    const key = cause.kind === "other" ? message : cause.kind;
    const known = common.get(key)?.roles ?? [];
    common.set(key, {
      roles: [...known, role],
      // Nothing but another mount changes which CAs the server trusts.
      final: cause.kind === "ca",
      problem: {
        where: "kiam's server",
        what: message,
        ...explainCause(cause, { caHostPath: input.caHostPath, region: input.iam.region }),
      },
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

function commandLine(daemonSet: V1DaemonSet): string[] {
  const container = daemonSet.spec?.template.spec?.containers[0];
  return [...(container?.command ?? []), ...(container?.args ?? [])];
}

/** ARNs of the roles that running pods ask for, and can get. */
async function neededRoles(cluster: Cluster, roleBaseArn: string): Promise<string[]> {
  const running = (await cluster.allPods("status.phase=Running")).filter(
    (pod) => pod.metadata?.deletionTimestamp === undefined,
  );
  return arnsInUse(rolesInUse({ pods: running.map(podFacts) }, roleBaseArn));
}
