import type { Plan, PlannedWorker } from "../plan/plan.js";
import { stages, stageSummary } from "../stages.js";

/** The plan for people: what every stage does to this cluster, and in which order workers move. */
export function describePlan(plan: Plan): string {
  const { kube2iam } = plan;
  return [
    `kube2iam  ${kube2iam.namespace}/${kube2iam.daemonSet}, port ${kube2iam.port}, interface ${kube2iam.interface}`,
    `kiam      server on ${plan.servers.join(", ")}; agents' rule on ${plan.agentInterface}`,
    `roles     below ${plan.roleBaseArn}; the server may assume ${plan.assumableRoles.join(", ")}`,
    ...(plan.probe === undefined
      ? []
      : [`probe     role ${plan.probe.role} in namespace ${plan.probe.namespace}`]),
    "",
    ...stages.map(
      (stage) => `${stage === plan.stage ? "→" : " "} ${stage.padEnd(8)} ${stageSummary[stage]}`,
    ),
    "",
    `workers, in the order in which they move${stepsOf(plan)}:`,
    ...plan.waves.map(
      (wave) =>
        `  ${wave.name.padEnd(9)} ${wave.workers.map((worker) => `${worker.name} (${worker.hostIp ?? "no address"})${rehearses(worker)}`).join(", ")}`,
    ),
    ...(plan.staying.length === 0
      ? []
      : [
          `  ${"stay".padEnd(9)} on kube2iam, being of other node groups: ${plan.staying.map(({ name }) => name).join(", ")}`,
        ]),
    ...plan.waiting.map(({ name, why }) => `  ${"waits".padEnd(9)} ${name}: ${why}`),
  ].join("\n");
}

function stepsOf(plan: Plan): string {
  const workers = plan.waves.flatMap((wave) => wave.workers);
  const usual = workers.find((worker) => rehearses(worker) === "") ?? workers[0];
  const steps = (usual?.steps ?? []).filter((step) => step !== "rehearse-undo");
  return steps.length === 0 ? "" : `, each ${steps.join(" → ")}`;
}

function rehearses(worker: PlannedWorker): string {
  return worker.steps.includes("rehearse-undo") ? ", where the way back is rehearsed" : "";
}
