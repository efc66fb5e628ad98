/**
 * Of `urn:pulumi:stack::project::parentType$type::name`: the type, the name, and the components that
 * it is part of, outermost first, such as `WorkerCutover`.
 */
export function partsOfUrn(urn: string): { type: string; name: string; within: string[] } {
  const [, , types = "", name = ""] = urn.split("::");
  const parents = types.split("$");
  const type = parents.pop() ?? "";
  return { type, name, within: parents.map((each) => each.slice(each.lastIndexOf(":") + 1)) };
}

/** For people: `…$kubernetes:apps/v1:DaemonSet::kiam-agent` → `DaemonSet kiam-agent`. */
export function describeUrn(urn: string): string {
  const { type, name } = partsOfUrn(urn);
  if (type === "command:remote:Command") return `over SSH: ${name}`;
  if (type === "command:local:Command") return `gate ${name}`;
  return `${type.slice(type.lastIndexOf(":") + 1)} ${name}`;
}
