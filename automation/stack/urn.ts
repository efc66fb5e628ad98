/** Of `urn:pulumi:stack::project::parentType$type::name`: the type, and the name. */
export function partsOfUrn(urn: string): { type: string; name: string } {
  const [, , types = "", name = ""] = urn.split("::");
  return { type: types.slice(types.lastIndexOf("$") + 1), name };
}

/** For people: `…$kubernetes:apps/v1:DaemonSet::kiam-agent` → `DaemonSet kiam-agent`. */
export function describeUrn(urn: string): string {
  const { type, name } = partsOfUrn(urn);
  if (type === "command:remote:Command") return `over SSH: ${name}`;
  if (type === "command:local:Command") return `gate ${name}`;
  return `${type.slice(type.lastIndexOf(":") + 1)} ${name}`;
}
