import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { PlannedWorker } from "../../migration/plan/plan.js";
import type { Settings } from "../../migration/settings/schema.js";

/**
 * How to reach a worker. Finite in every direction; its host key is pinned unless the settings
 * accept unknown hosts, in which case the provider does not check it at all.
 *
 * @throws Error where there is no key and they do not: the provider would take any host
 */
export function sshConnection(
  ssh: Settings["ssh"],
  { name, address }: PlannedWorker,
  hostKey: pulumi.Input<string> | undefined,
): command.types.input.remote.ConnectionArgs {
  if (hostKey === undefined && !ssh.acceptUnknownHosts) {
    throw new Error(
      `${name} has no SSH host key, and who answers at ${address} would be handed root commands; nothing was done there. Add its key to ssh.hostKeys, or set ssh.hostKeyCommand.`,
    );
  }
  const limits = {
    dialErrorLimit: ssh.dialErrorLimit,
    perDialTimeout: ssh.perDialTimeoutSeconds,
  };
  const { bastion } = ssh;
  return {
    // Of a worker that is held, whose connection stays as it is: this name leads nowhere (RFC 2606).
    host: address ?? "address-unknown.invalid",
    port: ssh.port,
    user: ssh.user,
    privateKey: secret(ssh.privateKey),
    privateKeyPassword: secret(ssh.privateKeyPassword),
    agentSocketPath: ssh.agentSocketPath,
    hostKey,
    ...limits,
    proxy: bastion && {
      host: bastion.host,
      port: bastion.port,
      user: bastion.user ?? ssh.user,
      privateKey: secret(bastion.privateKey ?? ssh.privateKey),
      privateKeyPassword:
        bastion.privateKey === undefined ? secret(ssh.privateKeyPassword) : undefined,
      agentSocketPath: ssh.agentSocketPath,
      hostKey: bastion.hostKey,
      ...limits,
    },
  };
}

function secret(value: string | undefined): pulumi.Output<string> | undefined {
  return value === undefined ? undefined : pulumi.secret(value);
}
