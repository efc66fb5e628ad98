import { ContactError } from "../../migration/contact/contact.js";
import {
  proposePermitted,
  verifyProposal,
  type Disagreement,
  type PermittedProposal,
} from "../../migration/kiam/proposePermitted.js";
import { situationOf } from "../../migration/situation/situation.js";
import { look, type Shows, type StackPlace } from "../look/look.js";
import { writePermitted } from "../stack/stackFile.js";

/** What each namespace has to permit; what `kiam-migrate permitted --json` prints. */
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

interface PermittedWays extends Shows {
  /** Whether what is shown is to be written; asked only where all of it is proven. */
  approve: (shown: PermittedAnswer) => boolean | Promise<boolean>;
}

/**
 * Proposes what each namespace has to permit, and writes it into the stack's file where that is
 * approved and every proposal is proven. Throws as look does.
 */
export async function permittedOfStack(
  place: StackPlace,
  ways: PermittedWays,
): Promise<PermittedAnswer> {
  const { stack, cwd } = place;
  const { settings, facts } = await look(place, { iam: true }, ways);
  const { account, noAccess } = facts.iam ?? {};
  // They are proposed all the same, and said not to be proven.
  if (noAccess !== undefined) ways.progress.note(new ContactError(noAccess).message);
  const proposals = proposePermitted(situationOf(settings, facts)).map((proposal) => ({
    ...proposal,
    disagreements: verifyProposal(proposal, account ?? []),
  }));
  const shown = { stack, provenOn: account?.length, proposals, written: undefined };
  const differing = permittedLeft(shown);
  if (differing.length === 0 || notEquivalent(shown).length > 0) return shown;
  if (!(await ways.approve(shown))) return shown;
  const permitted = differing.map((each) => [each.namespace, each.permitted] as const);
  return { ...shown, written: await writePermitted(cwd, stack, Object.fromEntries(permitted)) };
}

/** Namespaces that permit something else than they need, and whose setting was not written. */
export function permittedLeft({ proposals, written }: PermittedAnswer): ProvenProposal[] {
  return written === undefined ? proposals.filter((each) => !each.unchanged) : [];
}

/** Of the proposals for these, those that are not equivalent to what they were made of. */
export function notEquivalent(answer: PermittedAnswer): ProvenProposal[] {
  return permittedLeft(answer).filter((each) => each.disagreements.length > 0);
}
