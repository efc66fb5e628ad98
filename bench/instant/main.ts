/**
 * A provider plugin of any name whose operations take no time: what is declared is there at once. A
 * command is not run; a gate answers what the program reads of it.
 */
import type { Execution } from "../../lab/standins/providers/command/execution.js";
import { CommandResource } from "../../lab/standins/providers/command/resource.js";
import { changes } from "../../lab/standins/providers/plugin/diff.js";
import type { Resource } from "../../lab/standins/providers/plugin/provider.js";
import { serve } from "../../lab/standins/providers/plugin/serve.js";
import { text } from "../../lab/standins/providers/plugin/values.js";

/** What the program reads of a gate's answer, by its verb. */
const answers: Record<string, (stdin: string) => object> = {
  "capture-rule": (stdin) => {
    const { worker } = JSON.parse(stdin) as { worker: { hostIp: string } };
    const spec = `-A PREROUTING -d 169.254.169.254/32 -i cali+ -p tcp -m tcp --dport 80 -j DNAT --to-destination ${worker.hostIp}:8181`;
    return { rules: [{ backend: "nft", spec }] };
  },
  "capture-kube2iam": () => ({ manifest: { kind: "DaemonSet" }, companions: [] }),
  "issue-certificates": () => ({
    ca: "CA",
    server: { certificate: "SC", privateKey: "SK" },
    agent: { certificate: "AC", privateKey: "AK" },
  }),
};

function answer({ command, inputs }: Execution): Promise<{ stdout: string; stderr: string }> {
  const verb = /gates\/main\.ts (\S+)$/.exec(command)?.[1] ?? "";
  const given = answers[verb]?.(text(inputs, "stdin") ?? "");
  return Promise.resolve({ stdout: given === undefined ? "" : JSON.stringify(given), stderr: "" });
}

const local = new CommandResource(answer);
const remote = new CommandResource(answer, { connection: true });

const other: Resource = {
  check: ({ news }) => Promise.resolve({ inputs: news }),
  diff: ({ oldInputs, news }) =>
    Promise.resolve({
      changes: changes(oldInputs, news),
      replaces: () => false,
      deleteBeforeReplace: false,
    }),
  create: ({ name, inputs }) =>
    Promise.resolve({ id: name, outputs: { ...inputs, arn: `arn:aws:iam::123456789012:${name}` } }),
  update: ({ inputs }) => Promise.resolve({ outputs: inputs }),
  delete: () => Promise.resolve(),
  read: ({ id, inputs, outputs }) => Promise.resolve({ id, inputs, outputs }),
};

void serve({
  name: process.argv[2] ?? "",
  version: "99.0.0",
  configure: () => Promise.resolve(),
  resource: (type) =>
    type === "command:local:Command" ? local : type === "command:remote:Command" ? remote : other,
  invoke: () => undefined,
});
