import type { V1DaemonSet, V1Pod } from "@kubernetes/client-node";

import { podFacts } from "../../cluster/facts/clusterFacts.js";
import { describePod } from "../../cluster/kubernetes/objects.js";
import { waitFor } from "../../cluster/wait.js";
import { flagValue } from "../../migration/kube2iam/flags.js";
import { arnsInUse, rolesInUse } from "../../migration/situation/rolesInUse.js";
import { distinctProblems, GateError, type Problem } from "../../migration/text/problem.js";
import { lookAtRollout } from "../nodes/rollout.js";
import { askToFetch } from "../probe/refetch.js";
import { GateContext } from "../protocol/context.js";
import type { Gate, GateOutput } from "../protocol/inputs.js";
import { progress } from "../protocol/progress.js";
import { explainServers, type Shortfall } from "./explainServers.js";
import { readServerState, type ServersSeen, type ServerState } from "./serverState.js";

/** Milliseconds between two looks at the servers. */
const interval = 1500;

/** Milliseconds that an error has to last before its cause is looked for: a start is bumpy. */
const patience = 6000;

/** Milliseconds between two requests to fetch what is missing. */
const refetchInterval = 10_000;

/**
 * kiam's server runs on every master, is healthy, and has fetched every role that running pods
 * need. Every problem is reported at once, each role once, with its cause as far as the log and
 * the IAM API tell.
 */
export const verifyServer: Gate<"verify-server"> = async (input) => {
  const context = await GateContext.connect(input.target);
  const { namespace, serverDaemonSet } = input.target.kiam;
  const name = { namespace, name: serverDaemonSet };
  const daemonSet = await context.cluster.daemonSet(name);
  if (daemonSet === undefined) {
    throw new GateError(`There is no DaemonSet ${name.namespace}/${name.name}`);
  }
  const words = commandLine(daemonSet);
  const roleBaseArn = input.roleBaseArn ?? flagValue(words, "role-base-arn") ?? "";
  const roles = input.roles ?? (await neededRoles(context, roleBaseArn));
  const informative = !/^(warn|error|fatal)/.test(flagValue(words, "level") ?? "info");
  const image = daemonSet.spec?.template.spec?.containers[0]?.image ?? "";
  const read = (ready: boolean) => async (pod: V1Pod) =>
    onlyNeeded(await readServerState(context, pod, ready, roleBaseArn), roles);

  let troubleSince: number | undefined;
  let askedAt = Date.now();
  const look = await waitFor<ServersSeen, Shortfall>(
    context.deadline(),
    async () => {
      // Of the few servers none is passed over: each that is missing makes all workers depend on fewer.
      const rollout = await lookAtRollout(context, name, input.servers, { passOverBroken: false });
      const unfinished = "pending" in rollout ? rollout.pending : undefined;
      const { pods } = "done" in rollout ? rollout.done : rollout.pending;
      const states = await Promise.all([
        ...[...pods.values()].map(read(true)),
        ...(unfinished?.unready ?? []).map(read(false)),
      ]);
      const seen = { unfinished, states, roles, informative };
      if (isRight(seen)) return { done: seen };
      const missing = missingRoles(seen);
      if (pods.size > 0 && missing.length > 0 && Date.now() - askedAt >= refetchInterval) {
        progress(`asking kiam's server to fetch ${missing.join(", ")}`);
        await askToFetch(context.cluster, namespace, image, missing);
        askedAt = Date.now();
      }
      troubleSince = inTrouble(seen) ? (troubleSince ?? Date.now()) : undefined;
      const found = await explainServers(context, input, seen);
      const troubled = troubleSince === undefined ? 0 : Date.now() - troubleSince;
      if (found.final && troubled >= patience) throw failure(found.problems);
      return { pending: found };
    },
    interval,
  );
  if (!("done" in look)) throw failure(look.pending.problems);
  return success(look.done);
};

function failure(problems: Problem[]): GateError {
  return new GateError("kiam's server is not ready to take over", distinctProblems(problems));
}

function success({ states, roles, informative }: ServersSeen): GateOutput<"verify-server"> {
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

function isRight({ unfinished, states, roles, informative }: ServersSeen): boolean {
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
function missingRoles({ states, roles, informative }: ServersSeen): string[] {
  return roles.filter((role) =>
    states.some(({ log }) => log.failed.has(role) || (informative && !log.fetched.has(role))),
  );
}

/** Failures of roles that no running pod needs (any more) block nothing; they become notes. */
function onlyNeeded(state: ServerState, roles: readonly string[]): ServerState {
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
function inTrouble({ unfinished, states }: ServersSeen): boolean {
  const generation = unfinished?.daemonSet.metadata?.generation ?? 0;
  const looked = (unfinished?.daemonSet.status?.observedGeneration ?? 0) >= generation;
  return (
    (unfinished !== undefined && looked && unfinished.missing.length > 0) ||
    states.some(
      ({ log, health }) => health !== undefined || log.failed.size > 0 || log.fatal.length > 0,
    )
  );
}

function commandLine(daemonSet: V1DaemonSet): string[] {
  const container = daemonSet.spec?.template.spec?.containers[0];
  return [...(container?.command ?? []), ...(container?.args ?? [])];
}

/** ARNs of the roles that running pods ask for, and can get. */
async function neededRoles({ cluster }: GateContext, roleBaseArn: string): Promise<string[]> {
  const running = (await cluster.allPods("status.phase=Running")).filter(
    (pod) => pod.metadata?.deletionTimestamp === undefined,
  );
  return arnsInUse(rolesInUse({ pods: running.map(podFacts) }, roleBaseArn));
}
