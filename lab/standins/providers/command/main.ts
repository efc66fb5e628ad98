/**
 * Stand-in for the `command` provider, for machines that cannot download the official plugin.
 * It has local.Command, local.run and remote.Command with the semantics of version 1.2.1; copying of
 * files (remote.CopyFile, remote.CopyToRemote) and asset globs are not there and are refused.
 */
import { packageVersion } from "../../launch/package-version.js";
import { serve } from "../plugin/serve.js";
import { CommandResource } from "./resource.js";
import { runLocally, runInvoke } from "./local.js";

const local = new CommandResource(runLocally);
// ssh2 takes half of what this takes to start, and most updates run nothing remotely.
const remote = new CommandResource(
  async (execution) => (await import("./remote.js")).runRemotely(execution),
  { connection: true },
);

void serve({
  name: "command",
  version: packageVersion("@pulumi/command"),
  configure: () => Promise.resolve(),
  resource: (type) =>
    type === "command:local:Command"
      ? local
      : type === "command:remote:Command"
        ? remote
        : undefined,
  invoke: (request) => (request.token === "command:local:run" ? runInvoke(request) : undefined),
});
