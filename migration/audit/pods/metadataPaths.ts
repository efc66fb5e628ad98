import { allowRouteFlag, alsoAllowing, routeMatcher } from "../../kiam/allowRouteRegexp.js";
import { flagValue } from "../../kube2iam/flags.js";
import type { AskedPath } from "../../kube2iam/log.js";
import { count, groupedBy, messageOf, someOf } from "../../text/text.js";
import type { Settings } from "../../settings/schema.js";
import type { Situation } from "../../situation/situation.js";
import { blocksFrom, perNamespace, type Judgement } from "../judgement.js";

/** Paths of the metadata service that pods ask kube2iam for, and that kiam's agent will refuse. */
export function auditMetadataPaths({ settings, facts }: Situation): Judgement[] {
  const { image, extraArgs } = settings.kiam;
  const flag = allowRouteFlag(image);
  const pattern = flagValue(extraArgs.agent, flag);
  const wrong = wrongFlag(settings, flag, pattern);
  if (wrong !== undefined) return [wrong];
  const allowed = routeMatcher(pattern);
  const refused = (facts.kube2iamLog?.paths ?? []).filter(({ path }) => !allowed(path));
  if (refused.length === 0) return [];
  const wider = alsoAllowing(
    pattern,
    refused.map(({ path }) => path),
  );
  const fix = `if they need these, put --${flag}=${wider} into kiam.extraArgs.agent${pattern === undefined ? "" : ` instead of the present one`}: it allows every path that kube2iam's log shows, and no other besides`;
  return byAsker(refused).map(([object, paths]): Judgement => ({
    code: "metadata-path-refused",
    severity: blocksFrom("cutover", settings),
    object,
    seen: `${object === "cluster" ? "addresses that no pod has now" : "pods"} asked kube2iam for ${someOf(paths.map(describe), 5)}`,
    fix: `${fix}${paths.some(({ path }) => givesSecrets(path)) ? " (user data and identity credentials may hold the node's own secrets: think twice)" : ""}`,
  }));
}

/** The agent would not start with a flag that it does not know, or an expression that is none. */
function wrongFlag(
  { kiam: { image, extraArgs } }: Settings,
  flag: string,
  pattern: string | undefined,
): Judgement | undefined {
  const problem = (seen: string, fix: string): Judgement => ({
    code: "allow-route-regexp-invalid",
    severity: "blocks",
    object: "kiam.extraArgs.agent",
    seen,
    fix,
  });
  const other = ["allow-route-regexp", "whitelist-route-regexp"].find(
    (each) => each !== flag && flagValue(extraArgs.agent, each) !== undefined,
  );
  if (other !== undefined) {
    return problem(`it has --${other}, which ${image} does not know`, `call it --${flag}`);
  }
  if (extraArgs.agent.filter((word) => word.startsWith(`--${flag}=`)).length > 1) {
    return problem(`it has --${flag} more than once`, "join the expressions with |");
  }
  try {
    routeMatcher(pattern);
    return undefined;
  } catch (error) {
    const reason = messageOf(error);
    return problem(
      `${JSON.stringify(pattern)} is not a valid Go regular expression (${reason})`,
      "correct it",
    );
  }
}

type Asked = Pick<AskedPath, "path" | "askers">;

/** What is asked for, by the object of its finding: the askers' namespace, or the cluster. */
function byAsker(paths: readonly AskedPath[]): [string, Asked[]][] {
  const single = paths.flatMap(({ path, askers }) =>
    askers.map((asker) => ({ namespace: asker.namespace ?? "", path, asker })),
  );
  return perNamespace(single).map(([namespace, asked]) => [
    namespace === "" ? "cluster" : `namespace/${namespace}`,
    [...groupedBy(asked, ({ path }) => path)].map(([path, of]) => ({
      path,
      askers: of.map(({ asker }) => asker),
    })),
  ]);
}

function describe({ path, askers }: Asked): string {
  const requests = askers.reduce((sum, asker) => sum + asker.requests, 0);
  return `${path} (${count(requests, "time")}, by ${someOf(askers.map(({ who }) => who))})`;
}

function givesSecrets(path: string): boolean {
  return /^\/[^/]+\/(user-data|meta-data\/identity-credentials)(\/|$)/.test(path);
}
