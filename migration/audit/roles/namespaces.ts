import { isPermitted, resolveRoleArn } from "../../kiam/permitted.js";
import type { Situation } from "../../situation/situation.js";
import type { Judgement } from "../judgement.js";

/** Namespaces: that they exist, who manages their permission, and kiam's own. */
export function auditNamespaces(situation: Situation): Judgement[] {
  const { settings, facts } = situation;
  const own = facts.namespaces.find((namespace) => namespace.name === settings.kiam.namespace);
  const taken: Judgement[] =
    own === undefined || own.owned
      ? []
      : [
          {
            code: "namespace-taken",
            severity: "blocks",
            object: `namespace/${own.name}`,
            seen: "it is meant for kiam, and exists already",
          },
        ];
  return taken.concat(auditPermissions(situation), auditProbe(situation));
}

/** The probe's own namespace, where it is not kiam's, whose permission this program sets itself. */
function auditProbe(situation: Situation): Judgement[] {
  const { settings, facts, roleBaseArn, permittedMode: mode } = situation;
  const { role, namespace } = settings.probe;
  if (role === undefined || roleBaseArn === undefined) return [];
  if (namespace === undefined || namespace === settings.kiam.namespace) return [];
  if (!facts.namespaces.some((each) => each.name === namespace)) {
    return namespace in settings.namespaces ? [] : [missing(namespace, "probe.namespace")];
  }
  const permitted = situation.permittedIn(namespace);
  const arn = resolveRoleArn(role, roleBaseArn);
  if (isPermitted(permitted, mode === "as-written" ? role : arn, mode)) return [];
  return [
    {
      code: "role-not-permitted",
      severity: "blocks",
      object: `namespace/${namespace}`,
      seen: `probe pods are to use ${arn} there, which ${JSON.stringify(permitted ?? "")} does not permit`,
      why: "no worker could be proven",
      fix: `set namespaces.${namespace}.permitted to an expression that matches ${arn}, or leave probe.namespace out`,
    },
  ];
}

function auditPermissions({ settings, facts }: Situation): Judgement[] {
  const namespaces = new Map(facts.namespaces.map((each) => [each.name, each]));
  return Object.entries(settings.namespaces).flatMap(
    ([name, { permitted, force }]): Judgement[] => {
      const namespace = namespaces.get(name);
      const object = `namespace/${name}`;
      if (namespace === undefined) return [missing(name, "namespaces")];
      const others = namespace.permittedManagers.filter(
        (manager) => !manager.startsWith("pulumi-kubernetes"),
      );
      if (others.length === 0 || namespace.permitted === permitted || force) return [];
      return [
        {
          code: "annotation-managed-elsewhere",
          severity: "blocks",
          object,
          seen: `iam.amazonaws.com/permitted is ${JSON.stringify(namespace.permitted)} and managed by ${others.join(", ")}; the settings want ${JSON.stringify(permitted)}`,
          fix: `change it there, or set namespaces.${name}.force to true to take it over`,
        },
      ];
    },
  );
}

function missing(namespace: string, setting: string): Judgement {
  return {
    code: "namespace-missing",
    severity: "blocks",
    object: `namespace/${namespace}`,
    seen: `there is no such namespace, and the setting ${setting} names it`,
    fix: `create it, or take it out of ${setting}`,
  };
}
