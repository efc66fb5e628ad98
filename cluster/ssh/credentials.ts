import { utils } from "ssh2";

import type { Settings } from "../../migration/settings/schema.js";

/** @throws Error where the settings have nothing to log in with, or a private key that cannot be used */
export function requireCredentials(ssh: Settings["ssh"]): void {
  if (ssh.privateKey === undefined) {
    if (ssh.agentSocketPath !== undefined) return;
    throw new Error(
      "Nothing to log in to the workers with: set ssh.privateKey (pulumi config set --secret --path ssh.privateKey) or ssh.agentSocketPath",
    );
  }
  requireKey("ssh.privateKey", ssh.privateKey, ssh.privateKeyPassword);
  const own = ssh.bastion?.privateKey;
  if (own !== undefined) requireKey("ssh.bastion.privateKey", own, undefined);
}

function requireKey(setting: string, key: string, password: string | undefined): void {
  const parsed = utils.parseKey(key, password);
  if (parsed instanceof Error) throw new Error(`${setting}: ${parsed.message}`);
}
