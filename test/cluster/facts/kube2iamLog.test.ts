import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { KubeConfig } from "@kubernetes/client-node";

import type { ClusterFacts } from "../../../migration/facts/clusterFacts.js";
import { readKube2iamLog } from "../../../cluster/facts/kube2iamLog.js";
import { parseSettings } from "../../../migration/settings/parse.js";
import { exampleFacts, examplePod, exampleSettings } from "../../support/exampleCluster.js";

/*
 * The real client against an HTTP server that answers as the API does. What real kube2iam pods log
 * is seen on the embedded cluster.
 */

type Answer = { status?: number; body: unknown } | "never";

describe("reading kube2iam's log", () => {
  let server: Server;
  let asked: URL[];
  let logs: Record<string, Answer>;
  let list: Answer;

  beforeEach(async () => {
    asked = [];
    logs = {};
    list = {
      body: {
        items: ["worker-1", "worker-2", "worker-3", "elsewhere"].map((node) => ({
          metadata: {
            name: `pod-on-${node}`,
            namespace: "kube-system",
            uid: `kube2iam-on-${node}`,
          },
          spec: { nodeName: node, containers: [{ name: "main", image: "kube2iam" }] },
        })),
      },
    };
    server = createServer((request, response) => {
      const url = new URL(request.url ?? "", "http://localhost");
      asked.push(url);
      const pod = /\/pods\/([^/]+)\/log$/.exec(url.pathname)?.[1];
      const answer = pod === undefined ? list : (logs[pod] ?? { body: "" });
      if (answer === "never") return;
      const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
      const type = typeof answer.body === "string" ? "text/plain" : "application/json";
      response.writeHead(answer.status ?? 200, { "content-type": type }).end(text);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const read = (options = {}, change: Partial<ClusterFacts> = {}) => {
    const config = new KubeConfig();
    const { port } = server.address() as AddressInfo;
    config.loadFromClusterAndUser(
      { name: "c", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: "u" },
    );
    const pods = [examplePod("orders", "orders-1", { ip: "100.64.0.1" })];
    const facts = exampleFacts({ pods, ...change });
    return readKube2iamLog(config, parseSettings(exampleSettings()), facts, options);
  };

  const line = (minutesAgo: number, path: string, message = "GET") => {
    const time = new Date(Date.now() - minutesAgo * 60_000).toISOString();
    return `time="${time}" level=info msg="${message}" req.method=GET req.path=${path} req.remote=100.64.0.1 res.duration=1 res.status=200\n`;
  };

  it("asks for the end of the log of each pod of the DaemonSet, and of no other", async () => {
    logs["pod-on-worker-1"] = { body: line(5, "/latest/user-data") };
    const facts = await read({ tailLines: 10, sinceMinutes: 20, limitBytes: 1_000 });
    const requests = asked.filter(({ pathname }) => pathname.endsWith("/log"));
    assert.deepEqual(requests.map(({ pathname }) => pathname.split("/")[6]).sort(), [
      "pod-on-worker-1",
      "pod-on-worker-2",
      "pod-on-worker-3",
    ]);
    assert.equal(
      requests[0]?.search,
      "?container=main&limitBytes=1000&sinceSeconds=1200&tailLines=10",
    );
    assert.deepEqual(facts.paths, [
      {
        path: "/latest/user-data",
        requests: 1,
        askers: [{ who: "orders/orders-1", namespace: "orders", requests: 1 }],
      },
    ]);
    assert.deepEqual(facts.unread, []);
  });

  it("asks nobody where there is no kube2iam", async () => {
    const { requests, unread } = await read({}, { kube2iam: undefined });
    assert.deepEqual([requests, unread, asked], [0, [], []]);
  });

  it("knows how far each log goes back", async () => {
    logs["pod-on-worker-1"] = { body: line(5, "/a") };
    logs["pod-on-worker-2"] = { body: line(6, "/a") + line(5, "/a") };
    logs["pod-on-worker-3"] = { body: line(9, "/a", "Listening on port 8181") };
    const whole = await read();
    assert.deepEqual(whole.minutes, { "worker-1": 60, "worker-2": 60, "worker-3": 9 });
    const cut = await read({ tailLines: 2 });
    assert.deepEqual(cut.minutes, { "worker-1": 60, "worker-2": 6, "worker-3": 9 });
    const short = await read({ limitBytes: 200 });
    assert.equal(short.minutes["worker-2"], 0);
  });

  it("names what it could not read, and goes on", async () => {
    const message = 'pods "pod-on-worker-1" is forbidden';
    logs["pod-on-worker-1"] = { status: 403, body: { kind: "Status", message } };
    logs["pod-on-worker-2"] = "never";
    logs["pod-on-worker-3"] = { body: line(5, "/latest/user-data") };
    const facts = await read({ timeoutSeconds: 1 });
    assert.equal(facts.paths.length, 1);
    assert.deepEqual(facts.unread, [
      `pod kube-system/pod-on-worker-1 on worker-1: ${message}`,
      "pod kube-system/pod-on-worker-2 on worker-2: no answer within 1 s",
    ]);
    assert.deepEqual(Object.keys(facts.minutes), ["worker-3"]);

    list = { status: 403, body: { kind: "Status", message: "pods is forbidden" } };
    assert.deepEqual((await read()).unread, [
      "the pods in namespace kube-system: pods is forbidden",
    ]);
  });
});
