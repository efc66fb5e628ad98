import type { Kube2iamFacts } from "../../facts/clusterFacts.js";
import { isKiamOnly } from "../../kiam/kiamOnly.js";
import { untolerated } from "../../situation/nodeSelection.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { count, own, someOf } from "../../text/text.js";
import { kube2iamObject, type Judgement } from "../judgement.js";

/** Workers on which kube2iam does not serve, as long as it is what serves, or is the way back. */
export function auditKube2iamCoverage(
  { settings, facts, workers }: Situation,
  live: Kube2iamFacts,
): Judgement[] {
  if (reaches(settings.stage, "retire")) return [];
  const object = kube2iamObject(live);
  const served = workers.filter((node) => !isKiamOnly(facts, node));
  const without = served.filter(({ name }) => own(live.pods, name) === undefined);
  const notReady = served.filter(({ name }) => own(live.pods, name)?.ready === false);
  const findings: Judgement[] = [];
  if (without.length > 0) {
    const taints = new Set(
      without.flatMap((node) =>
        untolerated(node, live.tolerations).map(({ key, effect }) => `${key}:${effect}`),
      ),
    );
    findings.push({
      code: "kube2iam-misses-workers",
      severity: "warns",
      object,
      seen: `it has no pod on ${count(without.length, "worker")} (${someOf(without.map(({ name }) => name))})${taints.size === 0 ? "" : `; it does not tolerate ${someOf([...taints])}`}`,
    });
  }
  if (notReady.length > 0) {
    findings.push({
      code: "kube2iam-not-ready",
      severity: "warns",
      object,
      seen: `its pod is not Ready on ${count(notReady.length, "worker")} (${someOf(notReady.map(({ name }) => name))})`,
    });
  }
  return findings;
}
