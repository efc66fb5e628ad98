import { catalogueEntry, catalogueTopics, type FindingCode } from "../audit/catalogue.js";
import type { Source } from "../audit/entry.js";

/** The documentation of every finding, as docs/findings.md has it. */
export function findingsPage(): string {
  return [
    "# What the audit finds",
    "",
    "Made from the catalogues in migration/audit by `npm run docs:findings`; a test keeps it true.",
    "",
    "A finding has a stable code, a severity and an object. One that **blocks** stops `pulumi up` and",
    "`pulumi preview` before anything is touched; **warns** means that you should look; **informs** means",
    "that something happens which is right, and may surprise. Some are judged only from the stage on at which",
    "they begin to matter.",
    "",
    "One that can be acknowledged blocks no more once the stack's configuration says why:",
    "",
    "```yaml",
    "kube2iam-to-kiam:audit:",
    "  acknowledged:",
    "    - code: role-not-permitted",
    "      object: namespace/playground",
    "      reason: nothing there matters; its owners know",
    "```",
    "",
    "An acknowledgement holds for that code and that object alone, and the finding is still listed.",
    "",
    "`pulumi up` and `pulumi preview` read the cluster; `kiam-migrate audit` also reads IAM and kube2iam's log, and",
    "looks at the workers over SSH. `pulumi up` never stops for what only `kiam-migrate` sees.",
    ...catalogueTopics.flatMap(({ title, entries }) => [
      "",
      `## ${title}`,
      ...(Object.keys(entries) as FindingCode[]).sort().flatMap(section),
    ]),
    "",
  ].join("\n");
}

const places: Record<Source, string> = {
  cluster: "in the cluster",
  iam: "in IAM",
  assumeRole: "with `audit --try-assume-role`",
  kube2iamLog: "in kube2iam's log",
  overSsh: "over SSH",
};

function onlyIn(seenIn: readonly Source[] = ["cluster"]): string {
  return seenIn.includes("cluster")
    ? ""
    : ` Only \`kiam-migrate\` sees it, ${seenIn.map((each) => places[each]).join(" and ")}.`;
}

function section(code: FindingCode): string[] {
  const {
    title,
    severities,
    cause,
    consequence,
    cure,
    acknowledgeable,
    onlyForward,
    seenIn,
    source,
  } = catalogueEntry(code);
  return [
    "",
    `### ${code}`,
    "",
    `**${withCode(title)}** (${severities.join(" or ")}; ${acknowledgeable ? "can" : "cannot"} be acknowledged${onlyForward ? "; an update that goes back is not stopped by it" : ""})`,
    "",
    `- Seen: ${withCode(cause)}${onlyIn(seenIn)}`,
    `- Why it matters: ${withCode(consequence)}`,
    `- What to do: ${withCode(cure)}`,
    ...(source === undefined ? [] : [`- Known from: ${withCode(source)}`]),
  ];
}

/** Annotations and labels, settings, flags, and actions of IAM: what has to be typed as it stands. */
const literal =
  /(?:[a-z0-9-]+\.)*(?:amazonaws\.com|kubernetes\.io)\/[a-z-]+|\b(?:audit|iam|kiam|kube2iam|namespaces|newNodes|probe|retirement|ssh|workers)(?:\.[A-Za-z0-9<>]+)+|--[a-z][a-z-]*[a-z]|\b(?:iam|sts):[A-Z][A-Za-z]+/g;

/** Text with these as code; what is code already stays. */
function withCode(text: string): string {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 0 ? part.replace(literal, "`$&`") : part))
    .join("`");
}
