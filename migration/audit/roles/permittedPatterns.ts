import { isAllowed, kube2iamRestrictions, parseAllowedRoles } from "../../iam/allowedRoles.js";
import { isPermitted, matchedName, resolveRoleArn, whyInvalid } from "../../kiam/permitted.js";
import { isReserved, roleName } from "../../iam/roleArn.js";
import { arnsInUse, matchedNames } from "../../situation/rolesInUse.js";
import type { Situation } from "../../situation/situation.js";
import { count, someOf } from "../../text/text.js";
import type { Judgement } from "../judgement.js";

/** The expressions themselves: valid, not by accident, and no wider than their namespaces need. */
export function auditPermittedPatterns(situation: Situation): Judgement[] {
  const { facts, roleBaseArn, permittedIn } = situation;
  if (roleBaseArn === undefined) return [];
  const breadth = breadthOf(situation, roleBaseArn);
  return facts.namespaces.flatMap(({ name, owned }) => {
    const pattern = permittedIn(name);
    if (owned || pattern === undefined || pattern === "") return [];
    const validity = judgeValidity(situation, name, pattern);
    // One that is not meant as it stands has to be written anew, and not narrowed.
    return validity.length > 0
      ? validity
      : [...differs(situation, name, pattern), ...breadth(name, pattern)];
  });
}

/** The settings' own expressions are refused where they are not valid; annotations are as they are. */
function judgeValidity(
  { rolesInUse, permittedMode }: Situation,
  name: string,
  pattern: string,
): Judgement[] {
  if (!rolesInUse.has(name)) return [];
  const object = `namespace/${name}`;
  const shown = JSON.stringify(pattern);
  const invalid = whyInvalid(pattern, permittedMode);
  if (invalid !== undefined) {
    return [
      {
        code: "permitted-invalid",
        severity: "blocks",
        object,
        seen: `iam.amazonaws.com/permitted is ${shown}, which is not a valid Go regular expression (${invalid})`,
        fix: `set namespaces.${name}.permitted to a valid expression; kiam-migrate permitted --stack <name> proposes one`,
      },
    ];
  }
  const alone = whyInvalid(pattern, "unanchored");
  if (alone === undefined) return [];
  return [
    {
      code: "permitted-valid-by-accident",
      severity: "warns",
      object,
      seen: `iam.amazonaws.com/permitted is ${shown}, which compiles only inside the ^ and $ that kiam 4 puts around it (alone: ${alone})`,
      fix: `set namespaces.${name}.permitted; write .* for every role, or better the expression that kiam-migrate permitted --stack <name> proposes`,
    },
  ];
}

/** Strict matching refuses what matching as deployed permits; the other way round never. */
function differs(
  { settings, rolesInUse, permittedMode: mode }: Situation,
  name: string,
  pattern: string,
): Judgement[] {
  if (mode === "strict") return [];
  const roles = [...(rolesInUse.get(name)?.values() ?? [])].filter(
    (use) =>
      matchedNames(use, mode).every((each) => isPermitted(pattern, each, mode)) &&
      !isPermitted(pattern, use.arn, "strict"),
  );
  if (roles.length === 0) return [];
  return [
    {
      code: "permitted-differs-by-version",
      severity: "warns",
      object: `namespace/${name}`,
      seen: `${JSON.stringify(pattern)} permits ${someOf(roles.map(({ arn }) => arn))} as kiam is deployed here (${mode === "as-written" ? settings.kiam.image : "--disable-strict-namespace-regexp"}), and would not with kiam 4's own strict matching`,
      fix: `set namespaces.${name}.permitted to an expression that matches the roles' whole ARNs; kiam-migrate permitted --stack <name> proposes one`,
    },
  ];
}

const everything = new Set([".*", ".+", "^.*$", "^.+$", "(.*)", ".*.*"]);

/** What each namespace permits beyond what its pods use and what kube2iam allowed it. */
function breadthOf(
  situation: Situation,
  base: string,
): (name: string, pattern: string) => Judgement[] {
  const { settings, facts, rolesInUse: uses, permittedMode: mode } = situation;
  const account = (facts.iam?.account ?? []).filter((arn) => !isReserved(arn));
  const known = [...new Set([...account, ...arnsInUse(uses)])].sort();
  const restrictions = kube2iamRestrictions(situation);
  const allowedRoles = new Map(
    facts.namespaces.map(({ name, allowedRoles }) => [name, parseAllowedRoles(allowedRoles)]),
  );
  const { role, namespace = settings.kiam.namespace } = settings.probe;
  const probe = role === undefined ? undefined : resolveRoleArn(role, base);
  // Many namespaces have one expression, such as .*, and an account has thousands of roles.
  const permittedBy = new Map<string, string[]>();
  const matchedBy = (pattern: string): string[] => {
    const matched =
      permittedBy.get(pattern) ??
      known.filter((arn) => isPermitted(pattern, matchedName(arn, base, mode), mode));
    permittedBy.set(pattern, matched);
    return matched;
  };

  return (name, pattern) => {
    const used = uses.get(name);
    const before = (arn: string) =>
      restrictions !== undefined && isAllowed(allowedRoles.get(name) ?? [], arn, restrictions);
    const named = namesIn(pattern);
    const beyond = matchedBy(pattern).filter(
      (arn) =>
        used?.has(arn) !== true &&
        !named.has(roleName(arn)) &&
        !(name === namespace && arn === probe) &&
        !before(arn),
    );
    const bySight = everything.has(pattern) && !before(`${base}any-other-role`);
    if (beyond.length === 0 && !bySight) return [];
    const loose = /\|/.test(pattern) && mode === "strict";
    return [
      {
        code: "permitted-too-wide",
        severity: "warns",
        object: `namespace/${name}`,
        seen:
          beyond.length === 0
            ? `${JSON.stringify(pattern)} permits every role there is`
            : `${JSON.stringify(pattern)} permits ${count(beyond.length, "role")} that no pod in it uses: ${someOf(beyond)}`,
        fix: `set namespaces.${name}.permitted to what kiam-migrate permitted --stack <name> proposes, or acknowledge it${loose ? "; group what | separates, as in (?:a|b): kiam reads a|b as ^a or b$" : ""}`,
      },
    ];
  };
}

/** Names that stand in an expression as they are: who wrote them meant just these roles. */
function namesIn(pattern: string): Set<string> {
  return new Set(
    pattern
      .replace(/\\([^A-Za-z0-9])/g, "$1")
      .split(/[^\w+=,.@-]+/)
      .filter((name) => name !== ""),
  );
}
