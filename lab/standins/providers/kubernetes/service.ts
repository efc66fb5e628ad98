/** When a Service is ready: its endpoints have settled and none is pending. */
import { isMap, type PropertyMap } from "../plugin/values.js";
import type { KubernetesClient } from "./client.js";
import { at, identityOf, mapsAt, stringAt } from "./objects.js";
import type { Readiness } from "./readiness.js";

/** The official provider gives endpoints this long to change again. */
const SETTLE_MS = 10_000;

/** A check with memory: endpoints that change start the settling time anew. */
export function serviceReadiness(
  client: KubernetesClient,
): (service: PropertyMap) => Promise<Readiness> {
  let seen = "";
  let since = Date.now();
  return async (service) => {
    if (!waitsForPods(service)) {
      return { state: "ready", message: "Service initialization complete" };
    }
    const endpoints = await client.find({ ...identityOf(service), kind: "Endpoints" });
    const version = endpoints ? (stringAt(endpoints, "metadata", "resourceVersion") ?? "") : "";
    if (version !== seen) {
      seen = version;
      since = Date.now();
    }
    const subsets = endpoints ? mapsAt(endpoints, "subsets") : [];
    const pending = subsets.some((subset) => mapsAt(subset, "notReadyAddresses").length > 0);
    const balanced =
      stringAt(service, "spec", "type") !== "LoadBalancer" ||
      mapsAt(service, "status", "loadBalancer", "ingress").length > 0;
    if (endpoints && !pending && balanced && Date.now() - since >= SETTLE_MS) {
      return { state: "ready", message: "Service initialization complete" };
    }
    const message = balanced
      ? "Finding Pods to direct traffic to"
      : "Attempting to allocate IP address to Service";
    return { state: "waiting", message };
  };
}

/** Headless Services, external names, and Services without a selector are ready at once. */
function waitsForPods(service: PropertyMap): boolean {
  const selector = at(service, "spec", "selector");
  return (
    stringAt(service, "spec", "clusterIP") !== "None" &&
    stringAt(service, "spec", "type") !== "ExternalName" &&
    isMap(selector) &&
    Object.keys(selector).length > 0
  );
}
