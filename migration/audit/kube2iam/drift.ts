import type { ClusterFacts, Kube2iamFacts } from "../../facts/clusterFacts.js";
import { flagValue, insertsItsRule, kube2iamDefaults } from "../../kube2iam/flags.js";
import type { Settings } from "../../settings/schema.js";
import { kube2iamObject, type Judgement } from "../judgement.js";

interface Difference {
  severity: "blocks" | "warns";
  seen: string;
  why?: string;
  fix: string;
}

/** Where the settings, or what an earlier run recorded, are no longer what kube2iam runs with. */
export function auditKube2iamDrift(
  settings: Settings,
  { recorded }: Pick<ClusterFacts, "recorded">,
  live: Kube2iamFacts,
): Judgement[] {
  const port = Number(flagValue(live.commandLine, "app-port") ?? kube2iamDefaults.port);
  const rule = insertsItsRule(live.commandLine)
    ? (flagValue(live.commandLine, "host-interface") ?? kube2iamDefaults.interface)
    : // Whoever else writes the rule need not heed the flag.
      undefined;
  const set = settings.kube2iam;
  const differences: Difference[] = [];
  if (set.port !== undefined && known(port) && set.port !== port) {
    differences.push(settingDiffers("port", set.port, `port ${port} (--app-port)`));
  }
  if (set.interface !== undefined && known(rule) && set.interface !== rule) {
    const actual = `interface ${rule} (--host-interface)`;
    differences.push(settingDiffers("interface", set.interface, actual));
  }
  if (recorded === undefined) return differences.map((each) => drift(live, each));
  // What is recorded where a setting stands is that setting.
  if (set.port === undefined && known(port) && recorded.port !== port) {
    differences.push(recordDiffers(`port ${recorded.port}`, `port ${port}`));
  }
  if (set.interface === undefined && known(rule) && recorded.interface !== rule) {
    differences.push(recordDiffers(`interface ${recorded.interface}`, `interface ${rule}`));
  }
  return differences.map((each) => drift(live, each));
}

function drift(live: Kube2iamFacts, difference: Difference): Judgement {
  return {
    code: "kube2iam-settings-differ",
    object: kube2iamObject(live),
    ...difference,
  };
}

/** A value that a variable of the container stands in for (`$(PORT)`) cannot be compared. */
function known<Value extends string | number>(value: Value | undefined): value is Value {
  return typeof value === "number" ? !Number.isNaN(value) : value?.startsWith("$(") === false;
}

function settingDiffers(name: string, value: string | number, actual: string): Difference {
  return {
    severity: "blocks",
    seen: `kube2iam.${name} is ${value}, and its DaemonSet runs with ${actual}`,
    fix: `leave kube2iam.${name} out: it is read from the DaemonSet`,
  };
}

function recordDiffers(before: string, now: string): Difference {
  return {
    severity: "warns",
    seen: `an earlier run recorded ${before}, and its DaemonSet runs with ${now} now`,
    why: "port and interface make the rule that the cutover deletes and the way back restores",
    fix: "see that this is meant, and that every kube2iam pod has been restarted since; this update records it anew",
  };
}
