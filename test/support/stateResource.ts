import type { StateResource } from "../../migration/status/stackState.js";

/** A gate as a stack's state has it, in components such as `WorkerCutover`. */
export function gateInState(
  name: string,
  within: string[],
  change: Partial<StateResource> = {},
): StateResource {
  return {
    type: "command:local:Command",
    name,
    within: ["ClusterMigration", ...within],
    stdin: undefined,
    create: undefined,
    modified: undefined,
    ...change,
  };
}

/** What stands for the end of each stage, and for workers that are moved. */
export const inState = {
  record: gateInState("kiam-record", ["KiamFoundation"], { type: "kubernetes:core/v1:ConfigMap" }),
  server: gateInState("kiam-server-verified", ["KiamServer"]),
  anchor: (worker: string) =>
    gateInState(`${worker}-anchor`, ["WorkerAgent"], { type: "kubernetes:core/v1:NodePatch" }),
  account: (moved: string[]) =>
    gateInState("every-node-accounted", ["EveryNode"], { stdin: JSON.stringify({ moved }) }),
  live: (worker: string, generation = "") =>
    gateInState(`${worker}-cutover-live`, ["WorkerCutover"], {
      stdin: JSON.stringify({ generation }),
      modified: "2026-01-02T03:04:05Z",
    }),
  retirement: gateInState("kube2iam-retirement", ["Kube2iamRetirement"]),
};
