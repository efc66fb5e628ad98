/** Why a workload does not get ready: what its pods and the events about them say. */
import { isMap, shown, type PropertyMap } from "../plugin/values.js";
import type { KubernetesClient } from "./client.js";
import { at, mapsAt, stringAt } from "./objects.js";

/** Problems of the workload's pods, one line each; empty where none is known. */
export async function podProblems(
  client: KubernetesClient,
  workload: PropertyMap,
): Promise<string[]> {
  const namespace = stringAt(workload, "metadata", "namespace") ?? "default";
  const labels = at(workload, "spec", "selector", "matchLabels");
  const labelSelector = isMap(labels)
    ? Object.entries(labels)
        .map(([key, value]) => `${key}=${shown(value)}`)
        .join(",")
    : "";
  const isPod = stringAt(workload, "kind") === "Pod";
  const pods = isPod
    ? [workload]
    : labelSelector === ""
      ? []
      : await client.list("v1", "Pod", namespace, { labelSelector });
  const problems = pods.flatMap(podProblem);
  const subjects = [workload, ...pods];
  for (const subject of subjects) {
    problems.push(...(await warnings(client, namespace, subject)));
  }
  return [...new Set(problems)];
}

function podProblem(pod: PropertyMap): string[] {
  const name = `[Pod ${stringAt(pod, "metadata", "namespace")}/${stringAt(pod, "metadata", "name")}]`;
  const states = [
    ...mapsAt(pod, "status", "initContainerStatuses"),
    ...mapsAt(pod, "status", "containerStatuses"),
  ].flatMap(containerProblem);
  const conditions = mapsAt(pod, "status", "conditions")
    .filter(
      ({ type, status }) => (type === "PodScheduled" || type === "Ready") && status !== "True",
    )
    .map(({ message }) => (typeof message === "string" ? message : ""))
    .filter((message) => message !== "");
  return [...conditions, ...states].map((problem) => `${name}: ${problem}`);
}

function containerProblem(status: PropertyMap): string[] {
  if (status.ready === true) {
    return [];
  }
  const problems: string[] = [];
  const name = shown(status.name);
  const reason = stringAt(status, "state", "waiting", "reason");
  if (reason !== undefined && reason !== "ContainerCreating" && reason !== "PodInitializing") {
    const message = stringAt(status, "state", "waiting", "message") ?? "";
    problems.push(`container ${name}: [${reason}] ${message}`);
  }
  for (const state of ["state", "lastState"]) {
    const terminated = at(status, state, "terminated");
    if (isMap(terminated) && terminated.exitCode !== 0) {
      const { exitCode, reason: cause, message } = terminated;
      const why = [shown(cause), shown(message)].filter((part) => part !== "").join(": ");
      problems.push(`container ${name} terminated with exit code ${shown(exitCode)} (${why})`);
    }
  }
  return problems;
}

async function warnings(
  client: KubernetesClient,
  namespace: string,
  object: PropertyMap,
): Promise<string[]> {
  const uid = stringAt(object, "metadata", "uid");
  if (uid === undefined) {
    return [];
  }
  const fieldSelector = `involvedObject.uid=${uid},type=Warning`;
  const events = await client.list("v1", "Event", namespace, { fieldSelector });
  const name = stringAt(object, "metadata", "name");
  return events.map(({ reason, message }) => `${name}: [${shown(reason)}] ${shown(message)}`);
}
