import { stringify } from "yaml";

import type { PermittedAnswer, ProvenProposal } from "../../automation/roles/permittedOfStack.js";
import { shownJson, shownLine } from "../../migration/text/shown.js";
import { count, someOf } from "../../migration/text/text.js";

/** The answer for people; between its comments it can be pasted into the stack's configuration. */
export function permittedAsText({ stack, proposals, provenOn, written }: PermittedAnswer): string {
  if (proposals.length === 0) return "# No pod uses a role, and no namespace allows one.";
  const differing = proposals.filter((each) => !each.unchanged);
  const same = proposals.length - differing.length;
  if (differing.length === 0) {
    const unproven = provenOn === undefined ? [proof(provenOn)] : [];
    return [...unproven, `# Every namespace (${same}) permits exactly what it needs.`].join("\n");
  }
  const wrong = differing.filter((each) => each.disagreements.length > 0);
  return [
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
    ...wrong.flatMap(notEquivalent),
    wrong.length > 0
      ? `# ${wrong.length} of ${count(differing.length, "proposal")} ${wrong.length === 1 ? "is" : "are"} not equivalent; nothing was written.`
      : written !== undefined
        ? `# Written to ${written}. pulumi up applies it.`
        : `# ${count(differing.length, "namespace")} to change, ${same} with exactly what they need. To write: kiam-migrate permitted --stack ${stack} --approve`,
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
