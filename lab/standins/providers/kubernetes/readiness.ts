/** When an object is what it should be, by kind, as the official provider decides it. */
import { shown, type PropertyMap } from "../plugin/values.js";
import { at, mapsAt, numberAt, stringAt } from "./objects.js";

export type Readiness =
  | { state: "ready"; message: string }
  | { state: "waiting"; message: string }
  /** It will not become ready any more. */
  | { state: "failed"; message: string };

export type ReadinessCheck = (object: PropertyMap) => Readiness;

const waiting = (message: string): Readiness => ({ state: "waiting", message });
const ready = (message: string): Readiness => ({ state: "ready", message });

/** The check for this kind; undefined for kinds that are ready once they exist. */
export function readinessCheck(object: PropertyMap): ReadinessCheck | undefined {
  return CHECKS[`${stringAt(object, "apiVersion")}/${stringAt(object, "kind")}`];
}

const CHECKS: Record<string, ReadinessCheck> = {
  "apps/v1/DaemonSet": daemonSet,
  "apps/v1/Deployment": deployment,
  "apps/v1/StatefulSet": statefulSet,
  "batch/v1/Job": job,
  "v1/Pod": pod,
};

function observed(object: PropertyMap): boolean {
  const generation = numberAt(object, "metadata", "generation") ?? 0;
  return (numberAt(object, "status", "observedGeneration") ?? -1) >= generation;
}

function daemonSet(object: PropertyMap): Readiness {
  const count = (field: string) => numberAt(object, "status", field) ?? 0;
  const desired = numberAt(object, "status", "desiredNumberScheduled");
  if (!observed(object) || desired === undefined) {
    return waiting("Waiting for the DaemonSet controller to see the change");
  }
  const steps = [
    ["Current", "currentNumberScheduled"],
    ["Updated", "updatedNumberScheduled"],
    ["Available", "numberAvailable"],
    ["Ready", "numberReady"],
  ] as const;
  const behind = steps.find(([, field]) => count(field) < desired);
  return behind
    ? waiting(`${behind[0]}: ${count(behind[1])}/${desired}`)
    : ready(`All replicas scheduled as expected. Replicas: ${desired}`);
}

function deployment(object: PropertyMap): Readiness {
  const count = (field: string) => numberAt(object, "status", field) ?? 0;
  const desired = numberAt(object, "spec", "replicas") ?? 1;
  if (!observed(object)) {
    return waiting("Waiting for the Deployment controller to see the change");
  }
  if (count("updatedReplicas") < desired) {
    return waiting(`Updated: ${count("updatedReplicas")}/${desired}`);
  }
  if (count("replicas") > count("updatedReplicas")) {
    return waiting(`Waiting for ${count("replicas") - desired} old replicas to go`);
  }
  return count("availableReplicas") < desired
    ? waiting(`Available: ${count("availableReplicas")}/${desired}`)
    : ready("Deployment initialization complete");
}

function statefulSet(object: PropertyMap): Readiness {
  const count = (field: string) => numberAt(object, "status", field) ?? 0;
  const desired = numberAt(object, "spec", "replicas") ?? 1;
  if (!observed(object)) {
    return waiting("Waiting for the StatefulSet controller to see the change");
  }
  const revision = stringAt(object, "status", "updateRevision");
  if (count("readyReplicas") < desired) {
    return waiting(`Ready: ${count("readyReplicas")}/${desired}`);
  }
  return stringAt(object, "status", "currentRevision") === revision
    ? ready("StatefulSet initialization complete")
    : waiting("Waiting for all replicas to be of the new revision");
}

function job(object: PropertyMap): Readiness {
  for (const { type, status, reason, message } of mapsAt(object, "status", "conditions")) {
    if (type === "Complete" && status === "True") {
      return ready("Job ready");
    }
    const final = reason === "BackoffLimitExceeded" || reason === "DeadlineExceeded";
    if (type === "Failed" && status === "True" && final) {
      return { state: "failed", message: `[${reason}] ${shown(message)}` };
    }
  }
  const name = stringAt(object, "metadata", "name");
  if (at(object, "status", "startTime") === undefined) {
    return waiting(`Waiting for Job "${name}" to start`);
  }
  const [active, succeeded, failed] = ["active", "succeeded", "failed"].map(
    (field) => numberAt(object, "status", field) ?? 0,
  );
  return waiting(
    `Waiting for Job "${name}" to succeed ` +
      `(Active: ${active} | Succeeded: ${succeeded} | Failed: ${failed})`,
  );
}

function pod(object: PropertyMap): Readiness {
  const isReady = mapsAt(object, "status", "conditions").some(
    ({ type, status }) => type === "Ready" && status === "True",
  );
  return isReady || stringAt(object, "status", "phase") === "Succeeded"
    ? ready("Pod ready")
    : waiting(`Waiting for Pod "${stringAt(object, "metadata", "name")}" to be ready`);
}
