import assert from "node:assert/strict";

import type { Cluster } from "../../lab/cluster/cluster.js";
import { operatorRequests } from "../../lab/cluster/auditLog.js";
import { bootProduction, call } from "./boot.js";
import type { Programs } from "./operate.js";
import { unaskedRights } from "./rightsUsed.js";

/*
 * The whole program on the embedded cluster, under load: what is missing stops it before the
 * cutover and is named; complete, it goes to the end, declares what is there, and comes back by
 * `pulumi destroy`. Does not prove anything about official kiam, kube2iam and provider plugins
 * where stand-ins run; `npm start` says which do.
 */

describe("migration on the embedded cluster", function () {
  this.timeout(300_000);
  let cluster: Cluster | undefined;
  let programs: Programs;

  async function assertUnmoved(): Promise<void> {
    for (const [worker, systems] of Object.entries(await call("rules"))) {
      assert.match(systems, /^kube2iam/, `${worker} must still be on kube2iam`);
    }
  }

  before("boot", async function () {
    ({ cluster, programs } = await bootProduction(this));
  });

  after("take down", () => cluster?.stop());

  it("stops at once where a namespace permits nothing, naming pods' namespace and role", async () => {
    const { failure: message } = await call("move", programs, "retire", { namespaces: {} });
    for (const namespace of ["orders", "payments", "reports", "batch"]) {
      assert.match(message, new RegExp(`namespace/${namespace}: pods use arn:aws:iam::\\S+`));
    }
    await assertUnmoved();
  });

  it("stops at once where the masters' taint is not tolerated, naming it", async () => {
    const { failure: message } = await call("move", programs, "retire", {
      kiam: { serverTolerations: [] },
    });
    assert.match(message, /node\/master-1.*node-role\.kubernetes\.io\/control-plane:NoSchedule/);
    await assertUnmoved();
  });

  it("prepares", async () => assert.equal((await call("move", programs, "prepare")).failure, ""));

  it("stops before the agents where an application role does not trust kiam's server, naming role and trust", async () => {
    await call("trust", "app-batch");
    const { failure: message } = await call("move", programs, "retire");
    assert.match(message, /app-batch/);
    assert.match(message, /trust/);
    assert.doesNotMatch(message, /app-orders/);
    await assertUnmoved();
    await call("trust");
  });

  it("stops before the agents where the CA directory is wrong, naming the setting", async () => {
    const kiam = { caHostPath: "/usr/share/ca-certificates" };
    const { failure: audited } = await call("move", programs, "retire", { kiam });
    assert.match(audited, /node\/master-1: .*\[ca-path-wrong\]/);
    // Acknowledged, it is the server itself that shows it.
    const acknowledged = [
      { code: "ca-path-wrong" as const, object: "node/master-1", reason: "to see the gate" },
    ];
    const { failure: message } = await call("move", programs, "retire", {
      kiam,
      audit: { acknowledged },
    });
    assert.match(message, /caHostPath/);
    assert.doesNotMatch(message, /ca-path-wrong\]/);
    await assertUnmoved();
  });

  it("stops before the agents where the server's role lacks sts:AssumeRole, naming it", async () => {
    const policy = await call("takeServerPolicy");
    const { failure: message } = await call("move", programs, "retire");
    assert.match(message, /sts:AssumeRole/);
    assert.match(message, /kiam-server/);
    await assertUnmoved();
    await call("giveServerPolicy", policy);
  });

  let plannedRules: Record<string, { present: string[]; planned: string[] }>;

  it("plans from the rules that the workers have", async () => {
    plannedRules = await call("plannedRules", programs, "retire");
    const present = Object.entries(plannedRules).map(([worker, rules]) => [worker, rules.present]);
    assert.deepEqual(Object.fromEntries(present), await call("natRules"));
  });

  it("goes to the end when all is there, and declares exactly what is there", async () => {
    const { failure, steps } = await call("move", programs, "retire");
    assert.equal(failure, "");
    const planned = [
      "gate kiam-server-verified",
      "DaemonSet kiam-agent",
      "gate kiam-agent-verified",
      "gate worker-2-shadow",
      "gate fallback",
      ...["worker-1", "worker-2"].flatMap((worker) => [
        `gate ${worker}-cutover-capture`,
        `gate ${worker}-cutover-recheck`,
        `over SSH: ${worker}-cutover-removal`,
        ...(worker === "worker-1"
          ? [
              `over SSH: ${worker}-cutover-rehearsal-restore`,
              `gate ${worker}-cutover-rehearsal-proof`,
              `over SSH: ${worker}-cutover-rehearsal-removal`,
            ]
          : []),
        `gate ${worker}-cutover-live`,
      ]),
      "gate every-node-accounted",
      "gate kube2iam-retirement-capture",
      "gate kube2iam-retirement-undo",
      "gate kube2iam-retirement",
    ];
    assert.deepEqual(
      steps.filter((step) => planned.includes(step)),
      planned,
      "what the engine did, in its order",
    );
    assert.deepEqual(await call("rules"), { "worker-1": "kiam", "worker-2": "kiam" });
    const rules = Object.entries(plannedRules).map(([worker, each]) => [worker, each.planned]);
    assert.deepEqual(await call("natRules"), Object.fromEntries(rules), "as planned");
    assert.deepEqual(await call("preview", programs, "retire"), []);
  });

  it("comes back from the end by destroy", async () => {
    await call("destroy", programs);
    assert.deepEqual(await call("rules"), { "worker-1": "kube2iam", "worker-2": "kube2iam" });
  });

  it("asked for all that rights/kubernetes is said to be for, and was refused nothing else", async () => {
    assert.ok(cluster !== undefined);
    const requests = await operatorRequests(cluster.paths, cluster.node("master-1"));
    const refused = requests.filter(({ allowed }) => !allowed);
    assert.deepEqual(
      [
        ...new Set(
          refused.map(({ verb, resource, namespace }) => `${verb} ${resource} ${namespace}`),
        ),
      ],
      // Before kiam's namespace is there; see cluster/facts/observe.ts.
      ["get secrets kiam"],
    );
    assert.deepEqual(unaskedRights(requests), []);
  });

  it("failed no request in all this, and gave nobody a wrong identity", async () => {
    const load = await call("load");
    assert.deepEqual(
      { failed: load.failed, wrong: load.wrong, examples: load.examples },
      { failed: 0, wrong: 0, examples: [] },
    );
    assert.ok(load.requests > 1000, `${load.requests} requests`);
  });
});
