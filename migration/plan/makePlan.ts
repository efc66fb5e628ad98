import type { NodeFacts } from "../facts/clusterFacts.js";
import { cutoverGeneration } from "./cutoverGeneration.js";
import {
  hasFailed,
  isProven,
  mayBeCutOver,
  isStuckOnKiam,
  parseCutoverRecord,
  rehearsalOf,
} from "./cutoverRecord.js";
import { compareText, own } from "../text/text.js";
import { asksHostKey, hostKeyOf } from "../situation/hostKeyOf.js";
import { assumableRoles } from "../iam/chain.js";
import { isKiamOnly } from "../kiam/kiamOnly.js";
import { brokenBecause } from "../situation/nodeStandings.js";
import { mayMove, sshAddress } from "../situation/nodeSelection.js";
import type { Situation } from "../situation/situation.js";
import { digest } from "../text/digest.js";
import { resolveRoleArn } from "../kiam/permitted.js";
import { preStopToken } from "../kube2iam/preStopToken.js";
import type { Settings } from "../settings/schema.js";
import { reaches } from "../stages.js";
import { stepsOf, workerSteps, type StepTable } from "./steps.js";
import { isAcceptedAsBroken, waitsBecause } from "./whyMoveWaits.js";
import { withoutAskingKiam } from "../situation/wayBack.js";
import { agentInterface } from "../situation/target.js";
import type { Plan, PlannedProbe, PlannedWorker, WaitingWorker, Wave } from "./plan.js";
import { makeWaves } from "./waves.js";

/**
 * Decides everything. Unchanged input gives an identical plan.
 *
 * @throws Error where the facts do not suffice; an audit without blocking findings rules that out
 */
export function makePlan(situation: Situation, table: StepTable = workerSteps): Plan {
  const { settings, facts, kube2iam, roleBaseArn, goesBack } = situation;
  const planned = (node: NodeFacts, rehearses = false) =>
    planWorker(situation, node, { rehearses, table });
  const { unusable, ...usable } = kube2iam;
  if (unusable.length > 0) {
    throw new Error(
      `The plan needs flags of kube2iam that cannot be used: ${unusable.map(({ flag }) => `--${flag}`).join(", ")}; the audit says how to supply them.`,
    );
  }
  if (kube2iam.interface === undefined || roleBaseArn === undefined) {
    throw new Error(
      "The plan needs kube2iam's interface and the role base ARN; the audit says how to supply them.",
    );
  }
  const retired = reaches(settings.stage, "retire") && facts.kube2iam === undefined;
  const waiting = situation.workers.flatMap((node): WaitingWorker[] => {
    const why = waitsBecause(situation, node);
    if (why === undefined) return [];
    return [
      {
        name: node.name,
        why,
        accepted: goesBack || retired || isAcceptedAsBroken(situation, node),
        // One that was moved keeps what it has. Of one that was not, nothing can be proven.
        worker:
          node.ready && node.internalIp !== undefined && !mayBeCutOver(node)
            ? { ...planned(node), steps: ["shadow-probe"] }
            : undefined,
      },
    ];
  });
  const held = new Set(waiting.map(({ name }) => name));
  const present = situation.workers.filter((node) => !held.has(node.name) || mayBeCutOver(node));
  const moving = present.filter((node) => mayMove(settings, node));
  const waves = makeWaves(
    moving.map((node) => planned(node)),
    {
      failed: moving.filter((node) => hasFailed(recordOf(node))).map((node) => node.name),
      canaries: settings.workers.canaries,
      waveSize: settings.workers.waveSize,
    },
  );
  const staying = present.filter((node) => !mayMove(settings, node)).map((node) => planned(node));
  const rehearsing = rehearsalWorker(settings, moving, waves);
  const plan: Plan = {
    stage: settings.stage,
    goesBack,
    kube2iam: { ...usable, interface: kube2iam.interface },
    record: {
      port: kube2iam.port,
      interface: kube2iam.interface,
      baseRoleArn: kube2iam.baseRoleArn,
    },
    preStopToken: preStopToken(facts),
    drainAttempt: digest([facts.notes.connectionsLeft ?? ""]),
    roleBaseArn,
    assumableRoles: assumableRoles(settings, roleBaseArn),
    admissionPolicies: facts.admissionPolicies,
    agentInterface: agentInterface(settings, kube2iam.interface),
    servers: situation.servers.map((node) => node.name),
    waves: waves.map(({ name, workers }) => ({
      name,
      workers: workers.map((worker) => {
        const node = moving.find((each) => each.name === worker.name && worker.name === rehearsing);
        return node === undefined ? worker : planned(node, true);
      }),
    })),
    staying,
    waiting,
    outside: acceptedOutside(settings),
    probe: planProbe(settings, roleBaseArn),
  };
  return goesBack ? withoutAskingKiam(plan, situation.workers) : plan;
}

function acceptedOutside({ audit }: Settings): string[] {
  return audit.acknowledged
    .filter(({ code }) => code === "node-outside-workers")
    .map(({ object }) => object.replace(/^node\//, ""))
    .sort(compareText);
}

function planWorker(
  situation: Situation,
  node: NodeFacts,
  { rehearses, table }: { rehearses: boolean; table: StepTable },
): PlannedWorker {
  const { settings, facts } = situation;
  const { access } = settings.workers;
  return {
    name: node.name,
    uid: node.uid,
    hostIp: node.internalIp,
    access,
    address: access === "exec" ? node.internalIp : sshAddress(settings, node),
    providerId: node.providerId,
    hostKey: hostKeyOf(settings, node),
    generation: generationOf(situation, node),
    held: isHeld(situation, node),
    steps: stepsOf(
      {
        hasAgent: reaches(settings.stage, "agent"),
        moves: reaches(settings.stage, "cutover") && mayMove(settings, node),
        kiamOnly: isKiamOnly(facts, node),
        asksHostKey: access === "ssh" && asksHostKey(settings, node),
        rehearses,
        owesReturn: isStuckOnKiam(recordOf(node)),
      },
      table,
    ),
  };
}

/** One that was moved is held as well where SSH lacks its address: the removal would run again. */
function isHeld(situation: Situation, node: NodeFacts): boolean {
  const why = mayBeCutOver(node) ? waitsBecause(situation, node) : brokenBecause(node);
  return why !== undefined;
}

function generationOf({ facts }: Situation, node: NodeFacts): string {
  const last = recordOf(node);
  // Nothing can be done there now: what was proven stands until the node can be looked at.
  if (brokenBecause(node) !== undefined && isProven(last)) return last.generation;
  return cutoverGeneration(
    node,
    own(facts.kube2iam?.pods, node.name)?.uid,
    own(facts.rules, node.name),
  );
}

function recordOf(node: NodeFacts) {
  return parseCutoverRecord(node.cutoverAnnotation);
}

/**
 * The worker on which the way back is rehearsed: the first to move, and never one that pods
 * depend on already. The worker that was it stays it, so that nothing changes afterwards.
 */
function rehearsalWorker(
  settings: Settings,
  moving: readonly NodeFacts[],
  waves: readonly Wave[],
): string | undefined {
  if (!settings.workers.canaryRehearsal || !reaches(settings.stage, "cutover")) return undefined;
  const rehearsed = moving.find((node) => rehearsalOf(recordOf(node)).rehearsed !== undefined);
  if (rehearsed !== undefined) {
    // By another way of access it would be other resources, which would run again.
    const byExec = recordOf(rehearsed)?.rehearsed === "exec";
    return byExec === (settings.workers.access === "exec") ? rehearsed.name : undefined;
  }
  if (moving.some((node) => mayBeCutOver(node))) return undefined;
  return waves[0]?.workers[0]?.name;
}

function planProbe(settings: Settings, roleBaseArn: string): PlannedProbe | undefined {
  const { role, image, namespace } = settings.probe;
  if (role === undefined) return undefined;
  return {
    role,
    roleArn: resolveRoleArn(role, roleBaseArn),
    image: image ?? settings.kiam.image,
    namespace: namespace ?? settings.kiam.namespace,
  };
}
