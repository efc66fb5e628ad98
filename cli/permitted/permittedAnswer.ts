import { stringify } from "yaml";

import { count, someOf } from "../../migration/text/text.js";
import type { Disagreement, PermittedProposal } from "../../migration/kiam/proposePermitted.js";
import { shownJson, shownLine } from "../../migration/text/shown.js";

/** What `kiam-migrate permitted --json` prints. */
export interface PermittedAnswer {
  stack: string;
  /** Number of roles in the account that each proposal was proven on; undefined where they are not known. */
  provenOn: number | undefined;
  /** By namespace. */
  proposals: ProvenProposal[];
  /** The file that was written; undefined where none was. */
  written: string | undefined;
}

export interface ProvenProposal extends PermittedProposal {
  /** Roles on which it differs from what it was made of; empty where it is proven. */
  disagreements: Disagreement[];
}

/** The answer for people; between its comments it can be pasted into the stack's configuration. */
export function permittedAsText(answer: PermittedAnswer): string {
  const { proposals, provenOn } = answer;
  const differing = proposals.filter((each) => !each.unchanged);
  const wrong = differing.filter((each) => each.disagreements.length > 0);
  return [
    ...(differing.length === 0
      ? []
      : [
          ...(wrong.length > 0 ? [] : [proof(provenOn)]),
          ...differing.flatMap(({ namespace, current, reason }) => [
            `# ${namespace}: ${shownLine(reason)}`,
            `#   now ${current === undefined ? "it permits nothing" : shownJson(current)}`,
          ]),
          stringify(
            {
              "kube2iam-to-kiam:namespaces": Object.fromEntries(
                differing.map(({ namespace, permitted }) => [namespace, { permitted }]),
              ),
            },
            // A value stays in its line, whatever it holds.
            { lineWidth: 0, blockQuote: false, doubleQuotedMinMultiLineLength: Infinity },
          ).trimEnd(),
        ]),
    ...wrong.flatMap(notEquivalent),
    conclusion(answer, differing.length, wrong.length),
  ].join("\n");
}

function proof(provenOn: number | undefined): string {
  return provenOn === undefined
    ? "# NOT proven on the account's roles: they could not be listed (iam:ListRoles)."
    : `# Proven on all ${provenOn} roles of the account, and on every role in use.`;
}

function notEquivalent({ namespace, disagreements }: ProvenProposal): string[] {
  const roles = (wanted: boolean) =>
    disagreements.filter((each) => each.wanted === wanted).map(({ role }) => role);
  return [
    { names: roles(true), would: "be refused" },
    { names: roles(false), would: "be permitted" },
  ].flatMap(({ names, would }) =>
    names.length === 0
      ? []
      : [`# ${namespace}: NOT equivalent, ${shownLine(someOf(names))} would ${would}`],
  );
}

function conclusion(
  { proposals, stack, written }: PermittedAnswer,
  differing: number,
  wrong: number,
): string {
  if (proposals.length === 0) return "# No pod uses a role, and no namespace allows one.";
  const same = proposals.length - differing;
  if (wrong > 0)
    return `# ${wrong} of ${count(differing, "proposal")} ${wrong === 1 ? "is" : "are"} not equivalent; nothing was written.`;
  if (written !== undefined) return `# Written to ${written}. pulumi up applies it.`;
  return differing === 0
    ? `# Every namespace (${same}) permits exactly what it needs.`
    : `# ${count(differing, "namespace")} to change, ${same} with exactly what they need. To write: kiam-migrate permitted --stack ${stack} --approve`;
}
