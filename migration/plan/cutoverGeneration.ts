import type { NodeFacts } from "../facts/clusterFacts.js";
import { isProven, parseCutoverRecord } from "./cutoverRecord.js";
import { digest } from "../text/digest.js";
import { deviation, type RuleState } from "../rules/deviation.js";

/*
 * When has a worker to be cut over again? After a reboot and after a restart of its kube2iam
 * pod, since both bring kube2iam's rule back; after an undone cutover; and when its rules are not
 * as the cutover left them, whatever changed them. The generation is an input of the worker's
 * removal command: a new one runs it again in place, an equal one never touches a healthy worker.
 *
 * A proven cutover leaves a record on its node. As long as the record still describes the node,
 * its generation stands, whatever else changed: kube2iam's retirement, for one, takes the pod
 * away whose uid the first generation was made of.
 */

/**
 * @param kube2iamPod uid of the kube2iam pod on that node; undefined where there is none
 * @param rules what the worker's nat tables are like; undefined where they were not looked at
 */
export function cutoverGeneration(
  node: Pick<NodeFacts, "bootId" | "cutoverAnnotation">,
  kube2iamPod: string | undefined,
  rules?: RuleState,
): string {
  const last = parseCutoverRecord(node.cutoverAnnotation);
  if (
    last !== undefined &&
    "generation" in last &&
    last.bootId === node.bootId &&
    (kube2iamPod === undefined || kube2iamPod === last.kube2iamPod)
  ) {
    if (!isProven(last) || rules === undefined || !needsRepair(rules)) return last.generation;
    return digest([last.generation, "unread" in rules ? "unread" : (deviation(rules) ?? "")]);
  }
  const before =
    last === undefined || "generation" in last
      ? ""
      : "undone" in last
        ? last.undone
        : "unreadable record";
  return digest([node.bootId, kube2iamPod ?? "", before]);
}

/**
 * Whether a moved worker has to be looked after. Rules that the operator may not read are the
 * audit's to report: running the cutover anew would need the same permission.
 */
function needsRepair(rules: RuleState): boolean {
  return deviation(rules) !== undefined && !("unread" in rules && rules.forbidden);
}
