import { flagValue } from "../../kube2iam/flags.js";
import { usesRole } from "../../situation/rolesInUse.js";
import type { Situation } from "../../situation/situation.js";
import { count, someOf } from "../../text/text.js";
import { kube2iamObject, type Judgement } from "../judgement.js";

/** What kube2iam's log could not tell. */
export function auditKube2iamLog({ settings, facts, toMove }: Situation): Judgement[] {
  const log = facts.kube2iamLog;
  if (log === undefined) return [];
  const object = kube2iamObject(settings.kube2iam);
  if (log.unread.length > 0) {
    return [
      {
        code: "kube2iam-log-unread",
        severity: "warns",
        object,
        seen: `what kube2iam logged could not be read in ${count(log.unread.length, "place")}: ${someOf(log.unread)}`,
      },
    ];
  }
  const asking = facts.pods.some((pod) => usesRole(pod) && toMove.has(pod.node ?? ""));
  if (log.requests > 0 || !asking || Object.keys(log.minutes).length === 0) return [];
  const level = flagValue(facts.kube2iam?.commandLine ?? [], "log-level");
  return [
    {
      code: "kube2iam-log-silent",
      severity: "informs",
      object,
      seen: `its log shows no request at all, although pods on the workers that it serves have roles${level === undefined ? "" : ` (--log-level=${level})`}`,
    },
  ];
}
