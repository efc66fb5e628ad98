import { audit } from "../../migration/audit/audit.js";
import type { Finding } from "../../migration/audit/finding.js";
import { podVerdicts, type PodVerdict } from "../../migration/situation/podVerdicts.js";
import { situationOf } from "../../migration/situation/situation.js";
import type { Stage } from "../../migration/stages.js";
import { hasLogin, look, type Looks, type Shows, type StackPlace } from "./look.js";

/** What stands in the way, and a verdict for every pod; what `kiam-migrate audit --json` prints. */
export interface AuditAnswer {
  stack: string;
  /** The stage that was judged for. */
  stage: Stage;
  lookedAt: { iam: boolean; log: boolean; ssh: boolean };
  /** By severity, code and object. */
  findings: Finding[];
  /** By namespace and role. */
  pods: PodVerdict[];
}

/** Looks at the cluster and judges it. Changes nothing. Throws as look does. */
export async function auditStack(
  place: StackPlace & { stage?: Stage },
  looks: Looks,
  shows: Shows,
): Promise<AuditAnswer> {
  const { settings, facts } = await look(place, looks, shows);
  const situation = situationOf(settings, facts);
  const { iam = false, log = false, ssh = false } = looks;
  return {
    stack: place.stack,
    stage: settings.stage,
    lookedAt: { iam, log, ssh: ssh && hasLogin(settings) },
    findings: audit(situation),
    pods: podVerdicts(situation),
  };
}
