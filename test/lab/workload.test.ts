/** The applications' manifests, the records and their summary: all pure but for a scratch directory. */
import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { V1DaemonSet } from "@kubernetes/client-node";
import { modes, workloadObjects } from "../../lab/workload/applications.js";
import { rolledOut } from "../../lab/workload/apply.js";
import { kube2iamObjects } from "../../lab/workload/kube2iam.js";
import { RecordsAsTheyCome, readRecords, type RequestRecord } from "../../lab/workload/records.js";
import { labPaths } from "../../lab/paths.js";
import { summarise } from "../../lab/workload/summary.js";

const start = Date.parse("2026-01-01T00:00:00Z");

/** A record `at` milliseconds after the start. */
function record(at: number, changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    time: new Date(start + at).toISOString(),
    pod: "orders-app-1",
    namespace: "orders",
    node: "worker-1",
    mode: "fresh",
    durationMs: 10,
    expected: "app-orders",
    kind: "ok",
    ...changes,
  };
}

const failed = (at: number, cause: string) => record(at, { kind: "failed", cause });

describe("summarise", () => {
  it("counts requests by outcome and failures by kind", async () => {
    const summary = await summarise([
      record(0, { kind: "warmup", cause: "refused" }),
      record(100),
      failed(200, "timeout"),
      failed(300, "timeout"),
      failed(400, "status 404"),
      record(500, { kind: "wrong", role: "nodes.lab.k8s.local", nodeOwnRole: true }),
      record(600, { kind: "wrong", role: "app-batch" }),
      record(700, { identityError: "STS: 503" }),
      record(800, { kind: "stopping", cause: "refused" }),
      record(900, { kind: "end", durationMs: 0 }),
    ]);
    assert.equal(summary.requests, 7);
    assert.equal(summary.failed, 3);
    assert.deepEqual(summary.causes, { timeout: 2, "status 404": 1 });
    assert.equal(summary.wrong, 2);
    assert.equal(summary.nodeOwnRole, 1);
    assert.equal(summary.unverified, 1);
    assert.equal(summary.warmup, 1);
    assert.equal(summary.clients, 1);
    assert.equal(summary.examples.length, 5);
  });

  it("measures gaps from the end of a good answer to the end of the next, client by client", async () => {
    const other = { pod: "batch-app-1", node: "worker-2", expected: "app-batch" };
    const summary = await summarise([
      record(0),
      failed(100, "refused"),
      record(700, { kind: "wrong" }),
      record(1000, { durationMs: 50 }),
      record(500, other),
      record(600, other),
      record(600, { ...other, mode: "keepalive" }),
    ]);
    assert.equal(summary.longestGap, 1040);
    assert.deepEqual(summary.longestGapByNode, { "worker-1": 1040, "worker-2": 100 });
    assert.deepEqual(summary.longestGapByRole, { "app-orders": 1040, "app-batch": 100 });
    assert.equal(summary.clients, 3);
  });

  it("counts failing until the end, and silence without having been stopped, as a gap", async () => {
    const failing = [record(0), failed(3000, "timeout")];
    assert.equal((await summarise(failing)).longestGap, 3000);
    assert.equal((await summarise([record(0)], { until: start + 5010 })).longestGap, 5000);
    const stopped = [record(0), record(100, { kind: "end", durationMs: 0 })];
    assert.equal((await summarise(stopped, { until: start + 5010 })).longestGap, 90);
  });

  it("does not bridge a client's stop and its restart", async () => {
    const end = record(100, { kind: "end", durationMs: 0 });
    assert.equal((await summarise([record(0), end, record(9000), record(9100)])).longestGap, 100);
  });

  it("slices by window; a gap counts in every window it touches", async () => {
    const windows = [
      { name: "agent", from: start, to: start + 1000 },
      { name: "cutover", from: start + 1000, to: start + 2000 },
      { name: "retire", from: start + 2000, to: start + 3000 },
    ];
    const { windows: slices } = await summarise(
      [record(0), record(900), failed(1100, "reset"), record(1500), record(2100), record(2200)],
      { windows },
    );
    assert.deepEqual(
      slices.map(({ name, requests, failed, longestGap }) => [name, requests, failed, longestGap]),
      [
        ["agent", 2, 0, 900],
        ["cutover", 2, 1, 600],
        ["retire", 2, 0, 600],
      ],
    );
  });
});

describe("readRecords", () => {
  let directory: string;
  beforeEach(async () => (directory = await mkdtemp(path.join(os.tmpdir(), "records-"))));
  afterEach(() => rm(directory, { recursive: true }));

  const write = (name: string, text: string) => writeFile(path.join(directory, name), text);
  async function times() {
    const found: string[] = [];
    for await (const one of readRecords(directory)) found.push(one.time.slice(17));
    return found;
  }

  it("reads every file, leaves out a last line that is still being written", async () => {
    await write("b.jsonl", `${JSON.stringify(record(2000))}\n{"time":"2026-`);
    await write("a.jsonl", `${JSON.stringify(record(0))}\n${JSON.stringify(record(1000))}\n`);
    await write("notes.txt", "not a record\n");
    assert.deepEqual(await times(), ["00.000Z", "01.000Z", "02.000Z"]);
  });

  it("names the file and line of a broken record", async () => {
    await write(
      "a.jsonl",
      `${JSON.stringify(record(0))}\n{"time"\n${JSON.stringify(record(1000))}\n`,
    );
    await assert.rejects(times(), /a\.jsonl: line 2 is not a record/);
  });

  it("summarises 200,000 records", async () => {
    const lines = Array.from({ length: 200_000 }, (_, at) => JSON.stringify(record(at * 100)));
    await write("a.jsonl", lines.join("\n"));
    assert.equal((await summarise(readRecords(directory))).requests, 200_000);
  });
});

describe("the cluster before the migration", () => {
  const objects = workloadObjects({ workers: 3 });
  const sets = objects.filter((one) => one.kind === "DaemonSet") as V1DaemonSet[];

  it("has four namespaces with a role each, one with a path and one as a full ARN", () => {
    const roles = sets.map((set) => [
      set.metadata?.namespace,
      set.spec?.template.metadata?.annotations?.["iam.amazonaws.com/role"],
    ]);
    assert.deepEqual(roles, [
      ["orders", "app-orders"],
      ["payments", "teams/payments/app-payments"],
      ["reports", "arn:aws:iam::123456789012:role/app-reports"],
      ["batch", "app-batch"],
    ]);
    assert.deepEqual(
      objects.slice(0, 4).map((one) => one.kind),
      Array(4).fill("Namespace"),
      "namespaces come first",
    );
  });

  it("asks in both modes in every pod, each client with a file of its own", () => {
    for (const set of sets) {
      const containers = set.spec?.template.spec?.containers ?? [];
      assert.deepEqual(
        containers.map((one) => one.name),
        [...modes],
      );
      for (const { name, args } of containers) {
        assert.ok(args?.includes(`--mode=${name}`));
        assert.ok(args?.includes(`--record=/records/$(POD_NAMESPACE)_$(POD_NAME)_${name}.jsonl`));
      }
    }
  });

  it("runs kube2iam on workers only, with its rule on the pods' bridge", () => {
    const set = kube2iamObjects({ workers: 3 }).find(
      (one) => one.kind === "DaemonSet",
    ) as V1DaemonSet;
    const pod = set.spec?.template.spec;
    assert.equal(pod?.tolerations, undefined);
    assert.equal(pod?.hostNetwork, true);
    for (const flag of ["--iptables=true", "--host-interface=cni0", "--app-port=8181"]) {
      assert.ok(pod?.containers[0]?.args?.includes(flag), flag);
    }
  });

  it("is rolled out when the present generation is ready on every worker", () => {
    const set = (observed: number, desired: number, ready: number): V1DaemonSet => ({
      metadata: { generation: 2 },
      status: {
        observedGeneration: observed,
        desiredNumberScheduled: desired,
        updatedNumberScheduled: desired,
        currentNumberScheduled: desired,
        numberMisscheduled: 0,
        numberReady: ready,
      },
    });
    assert.ok(rolledOut(set(2, 3, 3), 3));
    assert.ok(!rolledOut(set(1, 3, 3), 3), "an older generation");
    assert.ok(!rolledOut(set(2, 3, 2), 3), "one not ready");
    assert.ok(!rolledOut(set(2, 2, 2), 3), "a worker has not joined");
  });
});

describe("records as they come", () => {
  let lab: string;
  beforeEach(async () => {
    lab = await mkdtemp(path.join(os.tmpdir(), "lab-records-"));
  });
  afterEach(() => rm(lab, { recursive: true }));

  const place = (node: string) => path.join(lab, "nodes", node, "var-lib", "load-client");
  const write = async (node: string, text: string) => {
    await mkdir(place(node), { recursive: true });
    await appendFile(path.join(place(node), "a.jsonl"), text);
  };
  const line = (at: number) => `${JSON.stringify(record(at))}\n`;
  const times = (records: readonly RequestRecord[]) =>
    records.map(({ time }) => Date.parse(time) - start).sort((a, b) => a - b);

  it("are read once each, a line when it is whole", async () => {
    const records = new RecordsAsTheyCome(labPaths(lab));
    await write("worker-1", line(0) + line(100).slice(0, 20));
    await write("worker-2", line(50));
    assert.deepEqual(times(await records.read()), [0, 50]);
    await write("worker-1", line(100).slice(20));
    await write("worker-2", line(150));
    assert.deepEqual(times(await records.read()), [0, 50, 100, 150]);
    assert.deepEqual(times(await records.read()), [0, 50, 100, 150]);
  });

  it("are forgotten once they ended before a moment, and with their node", async () => {
    const records = new RecordsAsTheyCome(labPaths(lab));
    await write("worker-1", line(0) + line(100));
    await write("worker-2", line(50));
    await records.read();
    records.forgetBefore(start + 60);
    assert.deepEqual(times(await records.read()), [50, 100], "a record takes 10 ms");
    await rm(path.join(lab, "nodes", "worker-2"), { recursive: true });
    assert.deepEqual(times(await records.read()), [100]);
    await write("worker-2", line(200));
    assert.deepEqual(times(await records.read()), [100, 200], "a new node of that name");
  });

  it("that are none are an error", async () => {
    await write("worker-1", "nonsense\n");
    await assert.rejects(new RecordsAsTheyCome(labPaths(lab)).read(), /a\.jsonl.*nonsense/);
  });
});
