import assert from "node:assert/strict";

import type { ClusterFacts, PodFacts } from "../../../migration/facts/clusterFacts.js";
import type { AskedPath, Kube2iamLogFacts } from "../../../migration/kube2iam/log.js";
import { isMaster } from "../../../migration/situation/nodeSelection.js";
import type { SettingsInput } from "../../../migration/settings/schema.js";
import { exampleFacts, examplePod, exampleSettings } from "../../support/exampleCluster.js";
import { codes, findings } from "../../support/findings.js";

/* Pure: what pods do today that will be different under kiam. */

const document = "/latest/dynamic/instance-identity/document";

function withPods(...pods: PodFacts[]): Partial<ClusterFacts> {
  return { pods: [...exampleFacts().pods, ...pods] };
}

function log(change: Partial<Kube2iamLogFacts> = {}): Partial<ClusterFacts> {
  const kube2iamLog: Kube2iamLogFacts = {
    requests: 100,
    paths: [],
    credentials: {},
    churning: [],
    minutes: { "worker-1": 60, "worker-2": 60, "worker-3": 60 },
    unread: [],
    ...change,
  };
  return { kube2iamLog };
}

/** @param namespace of the pod that asked; empty: no pod has the address */
function asked(path: string, namespace = "orders"): AskedPath {
  const asker =
    namespace === ""
      ? { who: "100.64.0.9", namespace: undefined, requests: 7 }
      : { who: `${namespace}/${namespace}-1`, namespace, requests: 7 };
  return { path, requests: 7, askers: [asker] };
}

function agentArgs(agent: string[], image?: string): Partial<SettingsInput> {
  return { kiam: { region: "eu-west-1", image, extraArgs: { agent } } };
}

describe("audit of pods on kube2iam's default role", () => {
  const kube2iam = (...flags: string[]): Partial<ClusterFacts> => {
    const live = exampleFacts().kube2iam;
    assert.ok(live !== undefined);
    return { kube2iam: { ...live, commandLine: [...live.commandLine, ...flags] } };
  };
  const named = kube2iam("--default-role=everybody");
  const pod = examplePod("batch", "b", { ip: "100.64.0.1" });

  it("blocks from the cutover on, namespace by namespace, and can be acknowledged", () => {
    const more = ["c", "d", "e", "f"].map((name) => examplePod("shop", name));
    const list = findings({}, { ...named, ...withPods(pod, ...more) });
    assert.deepEqual(codes(list), [
      "blocks default-role-lost namespace/batch",
      "blocks default-role-lost namespace/shop",
    ]);
    assert.match(list[1]?.seen ?? "", /4 pods .*\(c, d, e and 1 more\).*everybody/);
    const acknowledged = [
      { code: "default-role-lost", object: "namespace/batch", reason: "none uses AWS" },
    ] as const;
    const [batch] = findings(
      { audit: { acknowledged: [...acknowledged] } },
      { ...named, ...withPods(pod) },
    );
    assert.equal(batch?.acknowledged, "none uses AWS");
  });

  it("knows the node's own role as one, too", () => {
    const on = kube2iam("--auto-discover-default-role=true");
    assert.match(findings({}, { ...on, ...withPods(pod) })[0]?.seen ?? "", /the node's own/);
    const off = kube2iam("--auto-discover-default-role=false", "--default-role=");
    assert.deepEqual(codes(findings({}, { ...off, ...withPods(pod) })), []);
  });

  it("only warns before the cutover, and where kube2iam's log shows that nobody used it", () => {
    const facts = { ...named, ...withPods(pod) };
    const warns = ["warns default-role-lost namespace/batch"];
    const blocks = ["blocks default-role-lost namespace/batch"];
    assert.deepEqual(codes(findings({ stage: "agent" }, facts)), warns);
    assert.deepEqual(codes(findings({}, { ...facts, ...log() })), warns);
    const asks = findings({}, { ...facts, ...log({ credentials: { "batch/b": 3 } }) });
    assert.deepEqual(codes(asks), blocks);
    assert.match(asks[0]?.seen ?? "", /its log shows that b asked/);
    // Silence for less than two sessions tells nothing, nor does a log without requests.
    const vague: Partial<Kube2iamLogFacts>[] = [
      { minutes: { "worker-1": 29 } },
      { minutes: {} },
      { requests: 0 },
    ];
    for (const change of vague) {
      const list = findings({}, { ...facts, ...log(change) });
      assert.deepEqual(codes(list).slice(0, 1), blocks);
    }
    const longer = kube2iam("--default-role=everybody", "--iam-role-session-ttl=1h");
    assert.deepEqual(codes(findings({}, { ...longer, ...withPods(pod), ...log() })), blocks);
  });

  it("does not count pods that kube2iam does not serve, or no longer", () => {
    const onHost = examplePod("batch", "b", { hostNetwork: true });
    const onMaster = examplePod("batch", "b", { node: "master-1" });
    const ofKiam = examplePod("kiam", "kiam-startup-taint-abcde");
    assert.deepEqual(codes(findings({}, { ...named, ...withPods(onHost, onMaster, ofKiam) })), []);
    const nodes = exampleFacts().nodes.map((node) =>
      node.name === "worker-1"
        ? {
            ...node,
            cutoverAnnotation: '{"generation":"0000000000aa","bootId":"b","kube2iamPod":"u"}',
          }
        : node,
    );
    assert.deepEqual(codes(findings({}, { ...named, ...withPods(pod), nodes })), []);
  });
});

describe("audit of paths of the metadata service", () => {
  it("blocks from the cutover on and gives the narrowest expression", () => {
    const facts = log({ paths: [asked(document), asked("/latest/user-data", "payments")] });
    const list = findings({ stage: "cutover" }, facts);
    assert.deepEqual(codes(list), [
      "blocks metadata-path-refused namespace/orders",
      "blocks metadata-path-refused namespace/payments",
    ]);
    assert.match(list[0]?.seen ?? "", /document \(7 times, by orders\/orders-1\)/);
    const flag = `--allow-route-regexp=^(?:${document}|/latest/user-data)$`;
    for (const { fix } of list) assert.ok(fix.includes(flag), fix);
    assert.doesNotMatch(list[0]?.fix ?? "", /secrets/);
    assert.match(list[1]?.fix ?? "", /secrets/);
    assert.deepEqual(codes(findings({ ...agentArgs([flag]), stage: "cutover" }, facts)), []);
    assert.deepEqual(
      findings({ stage: "server" }, facts).map(({ severity }) => severity),
      ["warns", "warns"],
    );
  });

  it("keeps what is allowed already, and names who has no pod by address", () => {
    const paths = [asked(document), asked("/latest/meta-data/instance-id", "")];
    const settings = agentArgs([`--allow-route-regexp=^${document}$`]);
    const list = findings(settings, log({ paths }));
    assert.deepEqual(codes(list), ["blocks metadata-path-refused cluster"]);
    assert.match(list[0]?.seen ?? "", /by 100\.64\.0\.9/);
    assert.ok(
      list[0]?.fix.includes(
        `--allow-route-regexp=^${document}$|^(?:/latest/meta-data/instance-id)$ `,
      ),
      list[0]?.fix,
    );
  });

  it("stays readable however many paths there are, and takes one MAC address for another", () => {
    const paths = Array.from({ length: 200 }, (_, index) => {
      const mac = `02:00:00:00:00:${index.toString(16).padStart(2, "0")}`;
      return asked(`/latest/meta-data/network/interfaces/macs/${mac}/vpc-id`);
    });
    const [finding] = findings({}, log({ paths }));
    assert.match(finding?.seen ?? "", /and 195 more$/);
    const flag = /--allow-route-regexp=\S+/.exec(finding?.fix ?? "")?.[0] ?? "";
    assert.ok(flag.length < 120, flag);
    assert.deepEqual(codes(findings(agentArgs([flag]), log({ paths }))), []);
  });

  it("calls the flag as kiam's version does, and refuses one that would end the agent", () => {
    const v3 = "quay.io/uswitch/kiam:v3.6";
    const paths = [asked(document)];
    const refused = findings(agentArgs([], v3), log({ paths })).find(
      ({ code }) => code === "metadata-path-refused",
    );
    assert.match(refused?.fix ?? "", /--whitelist-route-/);
    const allowed = findings(agentArgs(["--whitelist-route-regexp=.*"], v3), log({ paths }));
    assert.ok(!allowed.some(({ code }) => /metadata-path|allow-route/.test(code)));
    for (const agent of [
      ["--whitelist-route-regexp=.*"],
      ["--allow-route-regexp=*.*"],
      ["--allow-route-regexp=a", "--allow-route-regexp=b"],
    ]) {
      assert.deepEqual(codes(findings(agentArgs(agent))), [
        "blocks allow-route-regexp-invalid kiam.extraArgs.agent",
      ]);
    }
    assert.deepEqual(codes(findings(agentArgs(["--allow-route-regexp=^$"]))), []);
  });
});

describe("audit of how pods use credentials", () => {
  const object = "daemonset/kube-system/kube2iam";

  it("says where kube2iam's log was not to be read, or shows nothing", () => {
    assert.deepEqual(codes(findings({}, log())), []);
    assert.deepEqual(codes(findings({}, log({ unread: ["pod kube-system/kube2iam-x: no"] }))), [
      `warns kube2iam-log-unread ${object}`,
    ]);
    assert.deepEqual(codes(findings({}, log({ requests: 0 }))), [
      `informs kube2iam-log-silent ${object}`,
    ]);
    assert.deepEqual(codes(findings({}, { ...log({ requests: 0 }), pods: [] })), []);
    // kiam serves their workers: nobody asks kube2iam any more.
    const nodes = exampleFacts().nodes.map((node) => ({
      ...node,
      cutoverAnnotation: isMaster(node)
        ? undefined
        : '{"generation":"0000000000aa","bootId":"b","kube2iamPod":"u"}',
    }));
    assert.deepEqual(codes(findings({}, { ...log({ requests: 0 }), nodes })), []);
  });

  it("warns of pods that keep no credentials", () => {
    const churning = [{ namespace: "orders", name: "orders-1", requests: 400, minutes: 60 }];
    const list = findings({}, log({ churning }));
    assert.deepEqual(codes(list), ["warns credentials-churn namespace/orders"]);
    assert.match(list[0]?.seen ?? "", /orders-1 400 times in 60 minutes/);
    assert.match(list[0]?.fix ?? "", /may cure it \(1h after kube2iam's 15m\)/);
    const short = findings(
      { kiam: { region: "eu-west-1", sessionDuration: "15m" } },
      log({ churning }),
    );
    assert.deepEqual(codes(short), [
      "warns credentials-churn namespace/orders",
      "warns session-too-short kiam.sessionDuration",
    ]);
    assert.match(short[0]?.why ?? "", /15m make it worse/);
  });

  it("wants sessions of half an hour", () => {
    const lasting = (sessionDuration: string) =>
      codes(findings({ kiam: { region: "eu-west-1", sessionDuration } }));
    assert.deepEqual(lasting("29m"), ["warns session-too-short kiam.sessionDuration"]);
    assert.deepEqual(lasting("30m"), []);
  });

  it("tells of Jobs that use a role, with what their SDKs need", () => {
    const job = examplePod("orders", "nightly-1", { controller: "Job", role: "app-orders" });
    const list = findings({}, withPods(job));
    assert.deepEqual(codes(list), ["informs short-lived-pods namespace/orders"]);
    assert.match(list[0]?.fix ?? "", /AWS_METADATA_SERVICE_NUM_ATTEMPTS/);
    assert.deepEqual(codes(findings({}, withPods({ ...job, role: undefined }))), []);
  });

  it("warns of pods on the host's network with a role", () => {
    const pod = examplePod("monitoring", "node-1", { hostNetwork: true, role: "app-monitoring" });
    assert.deepEqual(codes(findings(exampleSettings(), withPods(pod))), [
      "warns host-network-pod-with-role namespace/monitoring",
    ]);
    assert.deepEqual(codes(findings({}, withPods({ ...pod, role: undefined }))), []);
  });
});
