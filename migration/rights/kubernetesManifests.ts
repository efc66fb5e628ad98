import { Document, type YAMLMap, type YAMLSeq } from "yaml";

import {
  defaultNamespaces,
  kubernetesRights,
  type KubernetesRight,
  type Place,
  type Purpose,
} from "./kubernetesRights.js";
import type { Part } from "./paths.js";

/** Groups that the manifests give the rights to: a user, or a role of AWS, is put into one of them. */
export const groupOf: Readonly<Record<Purpose, string>> = {
  look: "kube2iam-to-kiam:look",
  move: "kube2iam-to-kiam:move",
};

/** The rights for a purpose in a place. Who moves also looks. */
export function kubernetesRightsFor(purpose: Purpose, place: Place): KubernetesRight[] {
  return kubernetesRights.filter(
    (right) =>
      right.place === place &&
      (right.purpose === purpose || (purpose === "move" && right.purpose === "look")),
  );
}

/** The manifests of one file, each as the YAML that kubectl applies, with why each rule is there. */
export function manifestsText(purpose: Purpose, part: Part): string {
  return manifests(purpose, part)
    .map((document) => document.toString({ lineWidth: 0, flowCollectionPadding: false }))
    .join("---\n");
}

/** The same as objects. */
export function manifestObjects(purpose: Purpose, part: Part): object[] {
  return manifests(purpose, part).map((document) => document.toJS() as object);
}

function manifests(purpose: Purpose, part: Part): Document[] {
  const places: Place[] = part === "in-kiam" ? ["kiam"] : ["cluster", "kube2iam"];
  return places.flatMap((place) => {
    const rights = kubernetesRightsFor(purpose, place);
    const kind = place === "cluster" ? "ClusterRole" : "Role";
    const metadata = {
      name: `kube2iam-to-kiam-${purpose}`,
      ...(place === "cluster" ? {} : { namespace: defaultNamespaces[place] }),
    };
    return [
      withReasons(new Document({ ...typed(kind), metadata, rules: rights.map(ruleOf) }), rights),
      new Document({
        ...typed(`${kind}Binding`),
        metadata,
        roleRef: { apiGroup: group, kind, name: metadata.name },
        subjects: [{ apiGroup: group, kind: "Group", name: groupOf[purpose] }],
      }),
    ];
  });
}

const group = "rbac.authorization.k8s.io";

function typed(kind: string) {
  return { apiVersion: `${group}/v1`, kind };
}

function ruleOf({ group, resources, names, verbs }: KubernetesRight) {
  return {
    apiGroups: [group],
    resources: [...resources],
    ...(names === undefined ? {} : { resourceNames: [...names] }),
    verbs: [...verbs],
  };
}

function withReasons(document: Document, rights: readonly KubernetesRight[]): Document {
  const rules = document.get("rules") as YAMLSeq<YAMLMap<unknown, YAMLSeq>>;
  rules.items.forEach((rule, index) => {
    rule.commentBefore = wrapped(reasonOf(rights[index]));
    for (const { value } of rule.items) if (value !== null) value.flow = true;
  });
  return document;
}

/** Why it is there, and on which occasion it is asked for. */
function reasonOf(right: KubernetesRight | undefined): string {
  return [right?.why, right?.when].filter((each) => each !== undefined).join("; ");
}

/** Most characters of a line of comment, beside its indentation. */
const longestLine = 90;

function wrapped(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= longestLine) lines.push(` ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join("\n");
}
