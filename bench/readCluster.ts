import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { KubeConfig } from "@kubernetes/client-node";

import { parseSettings } from "../migration/settings/parse.js";
import { readClusterFacts } from "../cluster/facts/readCluster.js";
import { benchmark, peakMiB, podsPerNode, timed, type Figures } from "./growth.js";

/*
 * How long it takes, and how much memory, to read a large cluster through the Kubernetes API:
 * `npm run bench:read`. The API server is a process beside it that answers from memory.
 */

async function measure(nodes: number): Promise<Figures> {
  const program = join(__dirname, "apiServer.ts");
  const server = fork(program, [String(nodes), String(podsPerNode)]);
  const [port] = (await once(server, "message")) as [number];
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "bench", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "nobody" },
  );
  const settings = parseSettings({
    stage: "prepare",
    kiam: { region: "eu-west-1" },
    iam: { manage: false, serverRoleArn: "arn:aws:iam::123456789012:role/kiam-server" },
  });
  const beforeMiB = peakMiB();
  const read = await timed(() => readClusterFacts(config, settings));
  server.disconnect();
  return {
    size: `${nodes} nodes, ${nodes * podsPerNode} pods`,
    milliseconds: { read: read.milliseconds },
    peakMiB: peakMiB(),
    beforeMiB,
    result: `${read.result.pods.length} pods, ${read.result.nodes.length} nodes read`,
  };
}

void benchmark("Reading clusters of generated size through the API", __filename, measure);
