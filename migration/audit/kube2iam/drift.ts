import type { Kube2iamFacts } from "../../facts/clusterFacts.js";
import { flagValue, insertsItsRule, kube2iamDefaults } from "../../kube2iam/flags.js";
import type { Situation } from "../../situation/situation.js";
import { kube2iamObject, type Judgement } from "../judgement.js";

const comparable = [
  ["port", "app-port"],
  ["interface", "host-interface"],
] as const;

/** Where the settings, or what an earlier run recorded, are no longer what kube2iam runs with. */
export function auditKube2iamDrift(
  { settings, facts: { recorded } }: Situation,
  live: Kube2iamFacts,
): Judgement[] {
  const runsWith = {
    port: Number(flagValue(live.commandLine, "app-port") ?? kube2iamDefaults.port),
    interface: insertsItsRule(live.commandLine)
      ? (flagValue(live.commandLine, "host-interface") ?? kube2iamDefaults.interface)
      : // What else writes the rule need not follow the flag.
        undefined,
  };
  const findings: Judgement[] = [];
  for (const [name, flag] of comparable) {
    const actual = runsWith[name];
    if (!isKnown(actual)) continue;
    const set = settings.kube2iam[name];
    const common = { code: "kube2iam-settings-differ", object: kube2iamObject(live) } as const;
    if (set !== undefined && set !== actual) {
      findings.push({
        ...common,
        severity: "blocks",
        seen: `kube2iam.${name} is ${set}, and its DaemonSet runs with ${name} ${actual} (--${flag})`,
        fix: `leave kube2iam.${name} out: it is read from the DaemonSet`,
      });
    }
    // What is recorded where a setting stands is that setting.
    if (set === undefined && recorded !== undefined && recorded[name] !== actual) {
      findings.push({
        ...common,
        severity: "warns",
        seen: `an earlier run recorded ${name} ${recorded[name]}, and its DaemonSet runs with ${name} ${actual} now`,
        why: "port and interface make the rule that the cutover deletes and the way back restores",
        fix: "see that this is meant, and that every kube2iam pod has been restarted since; this update records it anew",
      });
    }
  }
  return findings;
}

/** A value that a variable of the container stands in for (`$(PORT)`) cannot be compared. */
function isKnown<Value extends string | number>(value: Value | undefined): value is Value {
  return typeof value === "number" ? !Number.isNaN(value) : value?.startsWith("$(") === false;
}
