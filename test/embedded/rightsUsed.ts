import type { OperatorRequest } from "../../lab/cluster/auditLog.js";
import { defaultNamespaces, kubernetesRights } from "../../migration/rights/kubernetesRights.js";

/** The rights that a migration there and back is said to need, and that were not asked for, each once. */
export function unaskedRights(requests: readonly OperatorRequest[]): string[] {
  const unasked = kubernetesRights
    .filter(({ when }) => when === undefined)
    .flatMap(({ place, group, resources, verbs }) =>
      resources.flatMap((resource) =>
        verbs
          .filter(
            (verb) =>
              !requests.some(
                (request) =>
                  request.verb === verb &&
                  request.group === group &&
                  request.resource === resource &&
                  (place === "cluster" || request.namespace === defaultNamespaces[place]),
              ),
          )
          .map((verb) => `${verb} ${resource} (${place})`),
      ),
    );
  return [...new Set(unasked)];
}
