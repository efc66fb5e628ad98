import { dirname } from "node:path";

import { createProgress } from "../../automation/progress.js";
import { coarsenTimers } from "../../lab/coarseTimers.js";
import { lessCollecting } from "../../lab/goEnvironment.js";
import { resolveParts } from "../../lab/parts/resolve.js";
import { collectSkips } from "./skips.js";

/**
 * Before `npm test`: finds or builds what the tiers with real parts run (engine, Kubernetes,
 * moto, …), as `npm start` does. Without root or on another system those tiers are skipped, and
 * the end of the run says so.
 */
export async function mochaGlobalSetup(): Promise<void> {
  collectSkips();
  if (process.platform !== "linux" || process.getuid?.() !== 0) return;
  Object.assign(process.env, lessCollecting);
  coarsenTimers();
  const parts = await resolveParts({}, createProgress());
  // Also where one was named: without a language host, this is the same one with a stand-in beside it.
  process.env.KIAM_LAB_ENGINE = parts.engine.root;
  process.env.KIAM_LAB_PYTHON ??= parts.python;
  process.env.KIAM_LAB_ETCD ??= parts.etcd;
  process.env.KIAM_LAB_KUBERNETES ??= dirname(parts.kubernetes["kube-apiserver"]);
}
