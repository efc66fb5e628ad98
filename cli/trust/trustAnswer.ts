import type { AppliedTrust } from "../../automation/applyTrust.js";
import type { TrustAnswer } from "../../automation/roles/trustOfStack.js";
import { shownJson, shownLine } from "../../migration/text/shown.js";
import { count } from "../../migration/text/text.js";

type RoleTrust = TrustAnswer["roles"][number];

/** The answer for people. */
export function trustAsText(answer: TrustAnswer): string {
  const { principal, removes, roles, unknown, applied } = answer;
  const changing = roles.filter((role) => role.current !== role.proposed);
  const fine = roles.filter((role) => role.obstacle === undefined && !changing.includes(role));
  return [
    `${removes ? "To be taken out" : "To be trusted"}: ${shownLine(principal)}`,
    "",
    ...roles.filter((role) => !fine.includes(role)).flatMap((role) => describe(role, applied)),
    ...unknown.flatMap(({ arn, why }) => [
      `  ${shownLine(arn)}`,
      `    not known: ${shownLine(why)}`,
    ]),
    ...(fine.length === 0
      ? []
      : [`  ${count(fine.length, "role")} ${removes ? "without it" : "with that trust"} already`]),
    "",
    conclusion(changing, answer),
  ].join("\n");
}

function describe(role: RoleTrust, applied: AppliedTrust | undefined): string[] {
  const { arn, proposed, obstacle, reason } = role;
  const failure = applied?.failed.find((each) => each.arn === arn)?.message;
  const written = applied?.written.includes(arn) === true;
  const lines = [`  ${shownLine(arn)}`];
  if (failure !== undefined) lines.push(`    NOT written: ${shownLine(failure)}`);
  else if (obstacle !== undefined) lines.push(`    cannot be written: ${shownLine(obstacle)}`);
  else {
    const why = reason === "recreated" ? " (the role it named is gone: it was created anew)" : "";
    lines.push(`    ${written ? "written" : "to be written"}${why}:`);
    const added = "statement" in role ? role.statement : undefined;
    lines.push(...indented(added ?? proposed));
  }
  return lines;
}

function indented(document: object): string[] {
  return shownJson(document, 2)
    .split("\n")
    .map((line) => `      ${line}`);
}

function conclusion(
  changing: readonly RoleTrust[],
  { roles, unknown, applied, stack, removes }: TrustAnswer,
): string {
  const fine = roles.filter((role) => role.obstacle === undefined).length;
  const stuck = roles.length - fine + unknown.length;
  const rest = stuck === 0 ? "" : ` ${count(stuck, "role")} cannot be written: see above.`;
  if (applied !== undefined) {
    const failed =
      applied.failed.length === 0 ? "" : ` ${count(applied.failed.length, "role")} failed.`;
    return `${count(applied.written.length, "role")} written, ${applied.unchanged.length} had nothing to change.${failed}${rest} STS knows of it everywhere within some seconds.`;
  }
  const open = changing.filter((role) => role.obstacle === undefined).length;
  return open === 0
    ? `Nothing to do${fine < roles.length ? ` for ${count(fine, "role")}` : ""}.${rest}`
    : `${count(open, "role")} to be written; nothing was touched.${rest} To write: kiam-migrate trust --stack ${stack}${removes ? " --remove-workers" : ""} --approve`;
}
