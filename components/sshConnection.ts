import type * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";

import type { PlannedWorker } from "../migration/plan.js";
import type { Settings } from "../migration/settings.js";

/**
 * How to reach a worker. Finite in every direction; its host key is pinned unless the settings
 * accept unknown hosts, in which case the provider does not check it at all.
 */
export function sshConnection(
  ssh: Settings["ssh"],
  worker: PlannedWorker,
): command.types.input.remote.ConnectionArgs {
  const limits = {
    dialErrorLimit: ssh.dialErrorLimit,
    perDialTimeout: ssh.perDialTimeoutSeconds,
  };
  const { bastion } = ssh;
  return {
    host: worker.address,
    port: ssh.port,
    user: ssh.user,
    privateKey: secret(ssh.privateKey),
    privateKeyPassword: secret(ssh.privateKeyPassword),
    agentSocketPath: ssh.agentSocketPath,
    hostKey: worker.hostKey,
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
