import type { Kube2iamFacts } from "../../facts/clusterFacts.js";
import { flagValue, insertsItsRule, isOn } from "../../kube2iam/flags.js";
import { allowedRolesAnnotation, roleAnnotation } from "../../kiam/permitted.js";
import type { Situation } from "../../situation/situation.js";
import { count, someOf } from "../../text/text.js";
import { kube2iamObject, type Judgement } from "../judgement.js";

/** How kube2iam's DaemonSet is set up, where kiam does otherwise or the way back depends on it. */
export function auditKube2iamDaemonSet(situation: Situation, live: Kube2iamFacts): Judgement[] {
  const object = kube2iamObject(live);
  return [
    ...version(live, object),
    ...annotations(live, object),
    ...restrictions(situation, live, object),
    ...ruleOfOthers(situation, live, object),
  ];
}

function version({ image }: Kube2iamFacts, object: string): Judgement[] {
  const name = image.slice(image.lastIndexOf("/") + 1);
  if (name.includes("@")) return [];
  const tag = name.split(":")[1] ?? "latest";
  if (/^v?\d+(\.\d+)+/.test(tag)) return [];
  return [
    {
      code: "kube2iam-version",
      severity: "warns",
      object,
      seen: `its image is ${image}, which names no version`,
    },
  ];
}

const annotationFlags = [
  { flag: "iam-role-key", severity: "blocks", usual: roleAnnotation, of: "a pod's role" },
  {
    flag: "iam-external-id",
    severity: "warns",
    usual: "iam.amazonaws.com/external-id",
    of: "the external id for a pod's role",
  },
  {
    flag: "namespace-key",
    severity: "warns",
    usual: allowedRolesAnnotation,
    of: "a namespace's allowed roles",
  },
] as const;

function annotations({ commandLine }: Kube2iamFacts, object: string): Judgement[] {
  return annotationFlags.flatMap(({ flag, severity, usual, of }): Judgement[] => {
    const key = flagValue(commandLine, flag);
    if (key === undefined || key === usual) return [];
    return [
      {
        code: "kube2iam-annotation-differs",
        severity,
        object,
        seen: `with --${flag}=${key} it reads ${of} from another annotation than ${usual}`,
        why:
          flag === "namespace-key"
            ? "neither this audit nor kiam-migrate permitted sees these restrictions"
            : `kiam reads ${usual} and no other, and so does this audit`,
        fix: `also give what carries ${key} the annotation ${usual}, with the same value`,
      },
    ];
  });
}

function restrictions(
  { facts, permittedIn }: Situation,
  { commandLine }: Kube2iamFacts,
  object: string,
): Judgement[] {
  const restricted = facts.namespaces.filter(
    ({ name, allowedRoles }) => allowedRoles !== undefined && permittedIn(name) === undefined,
  );
  if (restricted.length === 0) return [];
  const enforced = isOn(commandLine, "namespace-restrictions");
  const format = flagValue(commandLine, "namespace-restriction-format") ?? "glob";
  return [
    {
      code: "kube2iam-restricts-namespaces",
      severity: "informs",
      object,
      seen: `${count(restricted.length, "namespace")} (${someOf(restricted.map(({ name }) => name))}) restrict roles by ${allowedRolesAnnotation}, ${enforced ? `as ${format}` : "which kube2iam does not enforce, without --namespace-restrictions"}, and permit none to kiam yet`,
      why: enforced
        ? "kiam does not read that annotation; without iam.amazonaws.com/permitted it allows no role"
        : "today any pod there may take any role; what these annotations say would hold for the first time if it were translated for kiam",
      fix: `kiam-migrate permitted --stack <name> translates them${enforced ? "" : "; compare with the roles that pods use"}`,
    },
  ];
}

function ruleOfOthers({ settings }: Situation, live: Kube2iamFacts, object: string): Judgement[] {
  if (insertsItsRule(live.commandLine)) return [];
  return [
    {
      code: "kube2iam-leaves-rule-to-others",
      severity: "warns",
      object,
      seen: `it runs without --iptables: something else writes its rule, such as the nodes' user data${settings.kube2iam.interface === undefined ? ", and its --host-interface need not be that rule's" : ""}`,
      fix: `once its nodes are cut over, take the rule out of what writes it${settings.kube2iam.interface === undefined ? "; set kube2iam.interface to the interface of that rule (iptables -t nat -S PREROUTING on a worker)" : ""}`,
    },
  ];
}
