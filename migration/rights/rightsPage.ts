import { exampleArns, iamRights, type IamRight } from "./iamRights.js";
import { kubernetesRights, type KubernetesRight, type Place } from "./kubernetesRights.js";

const begin = "<!-- made by npm run docs:rights: begin -->";
const end = "<!-- made by npm run docs:rights: end -->";

/** The page docs/rights.md with its tables as they have to be now. */
export function withRightsTables(page: string): string {
  const [before, rest] = [page.indexOf(begin), page.indexOf(end)];
  if (before < 0 || rest < before) throw new Error(`docs/rights.md has no ${begin} … ${end}`);
  return `${page.slice(0, before + begin.length)}\n\n${tables()}\n\n${page.slice(rest)}`;
}

const places: Record<Place, string> = {
  cluster: "Everywhere",
  kube2iam: "In kube2iam's namespace",
  kiam: "In kiam's namespace",
};

function tables(): string {
  return [
    ...(Object.keys(places) as Place[]).flatMap((place) => [
      `### ${places[place]}`,
      "",
      "| for | verbs | resources | why | asked for |",
      "| --- | --- | --- | --- | --- |",
      ...kubernetesRights.filter((right) => right.place === place).map(kubernetesRow),
      "",
    ]),
    "### In AWS",
    "",
    "| for | actions | on | why |",
    "| --- | --- | --- | --- |",
    ...iamRights.map(iamRow),
  ].join("\n");
}

function kubernetesRow({
  purpose,
  verbs,
  group,
  resources,
  names,
  why,
  when,
}: KubernetesRight): string {
  const kinds = resources.map((each) => code(group === "" ? each : `${each}.${group}`)).join(", ");
  const only = names === undefined ? "" : `: only ${names.map(code).join(", ")}`;
  return `| ${purpose} | ${verbs.join(", ")} | ${kinds}${only} | ${why} | ${when ?? "every migration"} |`;
}

function iamRow({ purpose, actions, subjects, why }: IamRight): string {
  const on = subjects.flatMap((each) => (each === "everything" ? ["*"] : exampleArns[each]));
  return `| ${purpose} | ${actions.map(code).join(", ")} | ${on.map(code).join(", ")} | ${why} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}
