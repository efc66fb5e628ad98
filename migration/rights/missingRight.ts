import { iamRights } from "./iamRights.js";
import { defaultNamespaces, kubernetesRights, type KubernetesRight } from "./kubernetesRights.js";
import { manifestFile, policyFile } from "./paths.js";

/** A right that a refusal says is missing. */
export interface MissingRight {
  /** Whom the server refuses, as it calls that one. */
  user: string | undefined;
  /** Such as `create pods/exec in namespace kiam`, or `iam:CreateRole on arn:…`. */
  right: string;
  /** The files that give it, the lesser one first; none where it is not one that this program needs. */
  files: string[];
  /** Where the files name other objects than this one: what is to be edited in them. */
  renamed?: { object: string; instead: readonly string[] };
}

/** What was asked of the Kubernetes API. */
export interface KubernetesRequest {
  verb: string;
  group: string;
  /** With the subresource: `pods/exec`. */
  resource: string;
  namespace: string | undefined;
  /** Undefined where no one object was meant, or it is not said which. */
  name?: string;
}

/** In the words of the API server's RBAC. */
const forbidden =
  /(?: "([^"]+)" is forbidden: )?User "([^"]*)" cannot (\w+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/;
/** The same of a path that is no object's. */
const forbiddenPath = /User "([^"]*)" cannot (\w+) path "([^"]+)"/;
/** In the words of IAM and STS. */
const notAuthorized =
  /User: (\S+) is not authorized to perform: ([\w-]+:\w+)(?: on resource: (\S+))?/;

/** What right a refusal of the API server, or of AWS, says is missing; undefined where it says none. */
export function missingRight(refusal: string): MissingRight | undefined {
  const [kubernetes, name, user, verb = "", resource = "", group = "", namespace] =
    forbidden.exec(refusal) ?? [];
  if (kubernetes !== undefined) {
    return missingKubernetesRight({ verb, group, resource, namespace, name }, user);
  }
  const [path, asker, asked = "", where = ""] = forbiddenPath.exec(refusal) ?? [];
  if (path !== undefined) return { user: asker, right: `${asked} ${where}`, files: [] };
  const [aws, caller, action = "", subject] = notAuthorized.exec(refusal) ?? [];
  if (aws === undefined) return undefined;
  return {
    user: caller,
    right: subject === undefined ? action : `${action} on ${subject}`,
    files: distinct(
      iamRights
        .filter(({ actions }) => actions.includes(action))
        .map(({ purpose }) => policyFile(purpose)),
    ),
  };
}

/** The same, where a refusal does not say what was asked. */
export function missingKubernetesRight(
  { verb, group, resource, namespace, name }: KubernetesRequest,
  user?: string,
): MissingRight {
  const kind = group === "" ? resource : `${resource}.${group}`;
  const asked = kubernetesRights.filter(
    (right) =>
      right.group === group && right.resources.includes(resource) && right.verbs.includes(verb),
  );
  const there = asked.filter(({ place }) => mayBeIn(place, namespace));
  const renamed = name === undefined ? undefined : renamedIn(there, name);
  return {
    user,
    right: `${verb} ${kind}${namespace === undefined ? "" : ` in namespace ${namespace}`}`,
    files: distinct((there.length > 0 ? there : asked).flatMap(filesOf)),
    ...(renamed && { renamed }),
  };
}

/** Undefined where one of the rights holds for the object. */
function renamedIn(rights: readonly KubernetesRight[], object: string): MissingRight["renamed"] {
  if (rights.some(({ names }) => names?.includes(object) ?? true)) return undefined;
  // What the files give to one object in every namespace is of a name that is no setting.
  const local = rights.filter(({ place }) => place !== "cluster");
  const instead = distinct((local.length > 0 ? local : rights).flatMap(({ names }) => names ?? []));
  return instead.length > 0 ? { object, instead } : undefined;
}

/** What is missing, and what to do about it, in one line. */
export function howToGrant({ right, files, renamed, user = "you" }: MissingRight): string {
  const missing = `The right to ${right} is missing`;
  const [first, ...others] = files;
  if (right.startsWith("get /")) {
    return `${missing}: every user has it by Kubernetes' own ClusterRole system:discovery; an administrator sees whether that is still bound to system:authenticated`;
  }
  if (first === undefined) {
    return `${missing}, and this program asks for no such right by itself: see what made it ask`;
  }
  const edit = renamed === undefined ? "" : `${howToEdit(renamed)}; then `;
  const file = [first, ...others.map((each) => `(or ${each})`)].join(" ");
  return first.endsWith(".json")
    ? `${missing}: an administrator gives ${user} the policy of ${file}, see ${page}`
    : `${missing}: ${edit}an administrator runs kubectl apply -f ${file}, and puts ${user} into its group, see ${page}`;
}

/** What the file has to name first, as one would tell an administrator. */
export function howToEdit({ object, instead }: NonNullable<MissingRight["renamed"]>): string {
  return `write ${object} in place of ${instead.join(", ")} at resourceNames in the file`;
}

const page = "docs/rights.md";

/** What a server said; where it refuses for lack of a right, with {@link howToGrant}, once. */
export function withMissingRight(said: string): string {
  const missing = said.includes(page) ? undefined : missingRight(said);
  return missing === undefined ? said : `${said.replace(/\.?$/, ".")} ${howToGrant(missing)}`;
}

function filesOf({ purpose, place }: KubernetesRight): string[] {
  const part = place === "kiam" ? "in-kiam" : "before";
  // Who moves has every right to look as well, by one file.
  const purposes = purpose === "look" ? (["look", "move"] as const) : (["move"] as const);
  return purposes.map((each) => manifestFile(each, part));
}

/** Only of the namespaces by their defaults is it known which one it is. */
function mayBeIn(place: KubernetesRight["place"], namespace: string | undefined): boolean {
  if (place === "cluster" || namespace === undefined) return true;
  const other = place === "kiam" ? defaultNamespaces.kube2iam : defaultNamespaces.kiam;
  return namespace !== other;
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)];
}
