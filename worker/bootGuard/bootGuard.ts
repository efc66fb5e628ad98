import { readFileSync } from "node:fs";
import { join } from "node:path";

import { credentialRuleSpec } from "../../migration/rules/natRule.js";
import { hostInterfaceSchema, portSchema } from "../../migration/settings/fields.js";
import { quote } from "../shellWords.js";

/**
 * What makes a node write kiam's rule at every boot, before its kubelet starts. Pure: the same
 * arguments give the same text.
 */
interface BootGuardArgs {
  /** Interface of the agent's rule, its --host-interface. */
  interface: string;
  /** The agent's --port. */
  agentPort: number;
}

const scriptPath = "/etc/kiam/boot-guard.sh";
const unitName = "kiam-boot-guard.service";

/** worker/bootGuard/bootGuard.sh with its argument in it: what runs at boot, by any shell. */
export function bootGuardScript({ interface: hostInterface, agentPort }: BootGuardArgs): string {
  const rule = credentialRuleSpec({
    // Runs as root at every boot: checked again, whatever checked it before.
    interface: hostInterfaceSchema.parse(hostInterface),
    address: "HOST_IP",
    port: portSchema.parse(agentPort),
  });
  const text = readFileSync(join(__dirname, "bootGuard.sh"), "utf8");
  const end = text.indexOf("\n") + 1;
  return `${text.slice(0, end)}set -- ${quote(rule)}\n${text.slice(end)}`;
}

/**
 * The systemd unit that runs it. Where it fails the kubelet does not start: a node that does not
 * join is seen and replaced, one whose pods read its own role is not.
 */
function bootGuardUnit(): string {
  return `[Unit]
Description=kiam's rule for 169.254.169.254, before any pod starts
Wants=network-online.target
After=network-online.target
Before=kubelet.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh ${scriptPath}
TimeoutStartSec=120

[Install]
WantedBy=multi-user.target
RequiredBy=kubelet.service
`;
}

/** A shell script for a node's user data (cloud-init, text/x-shellscript) that installs both. */
export function bootGuardUserData(args: BootGuardArgs): string {
  return `#!/bin/sh
set -eu
mkdir -p /etc/kiam
cat >${scriptPath} <<'BOOT_GUARD'
${bootGuardScript(args)}BOOT_GUARD
cat >/etc/systemd/system/${unitName} <<'UNIT'
${bootGuardUnit()}UNIT
systemctl daemon-reload
systemctl enable ${unitName}
systemctl start ${unitName}
`;
}
