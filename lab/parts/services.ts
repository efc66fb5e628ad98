import { execa } from "execa";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";

/** Packages ask this program whether their services may start; see invoke-rc.d(8). */
const POLICY = "/usr/sbin/policy-rc.d";
/** What lay there before; found again after a run that was killed. */
const SAVED = `${POLICY}.before-kiam-lab`;
/** "action forbidden by policy", invoke-rc.d(8) */
const FORBIDDEN = 101;

/** Services of packages that the lab wants for their programs alone. */
const UNWANTED_UNITS = ["ssh.service", "ssh.socket", "containerd.service"];

/**
 * Runs an installation of Debian packages so that no service of theirs is started on this machine,
 * neither now nor at its next start, and puts back whatever policy was in force.
 *
 * @param policy path of the policy program; for tests
 */
export async function withoutStartingServices<T>(
  install: () => Promise<T>,
  policy: string = POLICY,
): Promise<T> {
  const saved = policy === POLICY ? SAVED : `${policy}.before-kiam-lab`;
  const enabledBefore = await enabledUnits();
  if (existsSync(policy) && !existsSync(saved)) renameSync(policy, saved);
  writeFileSync(policy, `#!/bin/sh\nexit ${FORBIDDEN}\n`, { mode: 0o755 });
  const restore = (): void => {
    if (existsSync(saved)) renameSync(saved, policy);
    else rmSync(policy, { force: true });
  };
  // Ctrl-C may end the process before `finally` is reached.
  process.once("exit", restore);
  try {
    return await install();
  } finally {
    process.off("exit", restore);
    restore();
    await disable((await enabledUnits()).filter((unit) => !enabledBefore.includes(unit)));
  }
}

/** Which of those units would start with the machine. None where systemd does not run. */
async function enabledUnits(): Promise<string[]> {
  if (!existsSync("/run/systemd/system")) return [];
  const asked = await Promise.all(
    UNWANTED_UNITS.map((unit) =>
      execa("systemctl", ["is-enabled", "--quiet", unit], { reject: false }),
    ),
  );
  return UNWANTED_UNITS.filter((_, index) => asked[index]?.exitCode === 0);
}

async function disable(units: readonly string[]): Promise<void> {
  if (units.length > 0) await execa("systemctl", ["disable", ...units]);
}
