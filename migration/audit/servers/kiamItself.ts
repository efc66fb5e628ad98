import type { Settings } from "../../settings/schema.js";
import type { Situation } from "../../situation/situation.js";
import { reaches } from "../../stages.js";
import { blocksFrom, type Judgement } from "../judgement.js";

/** kiam as such: the project, its image, its namespace. Its certificates: certificates.ts. */
export function auditKiamItself(situation: Situation): Judgement[] {
  const archived: Judgement = {
    code: "kiam-archived",
    severity: "informs",
    object: "kiam",
    seen: "its repository is archived; v4.2 is its last release",
    fix: "plan the step after this one: EKS Pod Identity or IAM roles for service accounts (IRSA); the roles stay, and each annotation says which one a service account will need",
  };
  return [archived, ...archivedImage(situation.settings), ...podSecurity(situation)];
}

/** Where kiam's authors published its images; nothing is published, or promised, there any more. */
const archivedRepositories = ["quay.io/uswitch/kiam", "docker.io/uswitch/kiam", "uswitch/kiam"];

/** A digest is what was pulled before, and still goes when its registry does; a tag can also change hands. */
function archivedImage({ stage, kiam: { image } }: Settings): Judgement[] {
  const [tagged = "", digest] = image.split("@");
  const repository = tagged.replace(/:[^:/]*$/, "");
  if (!reaches(stage, "retire") || digest !== undefined) return [];
  if (!archivedRepositories.includes(repository)) return [];
  return [
    {
      code: "image-of-archived-project",
      severity: "warns",
      object: "kiam.image",
      seen: `${image} is a tag at a registry path whose project is archived`,
    },
  ];
}

const enforceLabel = "pod-security.kubernetes.io/enforce";

/**
 * Whether PodSecurity admission lets kiam's pods in: they need host paths, the host's network and
 * NET_ADMIN. This program sets the label when it creates kiam's namespace; a hand can change it
 * without a trace in the stack. Probe pods satisfy the strictest level (gates/probe/probePod.ts), so
 * their namespace may enforce any.
 */
function podSecurity({ settings, facts }: Situation): Judgement[] {
  const { namespace } = settings.kiam;
  const level = facts.namespaces.find((each) => each.name === namespace)?.labels[enforceLabel];
  if (level === undefined || level === "privileged") return [];
  return [
    {
      code: "pod-security-rejects-kiam",
      severity: blocksFrom("server", settings),
      object: `namespace/${namespace}`,
      seen: `its label ${enforceLabel} is ${level}`,
      fix: `kubectl label namespace ${namespace} ${enforceLabel}=privileged --overwrite, and find out who changed it`,
    },
  ];
}
