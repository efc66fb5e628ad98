import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";

import * as command from "@pulumi/command";
import * as k8s from "@pulumi/kubernetes";
import type { PulumiFn } from "@pulumi/pulumi/automation";
import { execa } from "execa";

import { ClusterMigration } from "../components/clusterMigration.js";
import { makePlan } from "../migration/plan/makePlan.js";
import { situationOf } from "../migration/situation/situation.js";
import { generatedCluster } from "./generatedCluster.js";
import { peakMiB, timed } from "./growth.js";
import { instantStack } from "./instant/stack.js";

/*
 * How large the state of a stack at stage retire is, and how long the engine is at it: `npm run
 * bench:state -- --workers 50`. Beside it, in the same run, the floor: as many commands that do
 * nothing. The engine and its file backend are real; what providers do takes no time, and an object of
 * Kubernetes has no more outputs than inputs.
 */

interface Figures {
  resources: number;
  stateBytes: number;
  seconds: Record<string, number>;
  /** The most that the engine had, and the process with the program. */
  peakMiB: { engine: number; program: number };
  /** Bytes by type of resource, and by field. */
  bytes: { type: Record<string, number>; field: Record<string, number> };
}

const { values } = parseArgs({
  options: {
    workers: { type: "string", default: "50" },
    /** Set where this measures one of both, in a process of its own: the floor has so many commands. */
    floor: { type: "string" },
  },
});
const workers = Number(values.workers);

function migration(): PulumiFn {
  const { settings, facts } = generatedCluster(workers, 1);
  const hostKeys = { "*": "ssh-ed25519 AAAA" };
  const ssh = { ...settings.ssh, hostKeys };
  const plan = makePlan(situationOf({ ...settings, stage: "retire", ssh }, facts));
  return () => {
    const providers = [new k8s.Provider("cluster", { enableServerSideApply: true })];
    new ClusterMigration("migration", { settings, plan }, { providers });
    return Promise.resolve();
  };
}

function commands(count: number): PulumiFn {
  return () => {
    for (let each = 0; each < count; each++) {
      new command.local.Command(`command-${each}`, { create: "true" });
    }
    return Promise.resolve();
  };
}

async function measure(program: PulumiFn): Promise<Figures> {
  const instant = await instantStack(program);
  const { stack } = instant;
  let engine = 0;
  const look = setInterval(() => (engine = Math.max(engine, peakOfEngine())), 50);
  try {
    const up = await timed(() => stack.up());
    const preview = await timed(() => stack.preview({ expectNoChanges: true }));
    const text = await instant.state();
    const { checkpoint } = JSON.parse(text) as {
      checkpoint: { latest: { resources: Record<string, unknown>[] } };
    };
    const { resources } = checkpoint.latest;
    return {
      resources: resources.length,
      stateBytes: Buffer.byteLength(text),
      seconds: {
        "first up": up.milliseconds / 1000,
        "preview without changes": preview.milliseconds / 1000,
      },
      peakMiB: { engine, program: peakMiB() },
      bytes: bytesOf(resources),
    };
  } finally {
    clearInterval(look);
    await instant.dispose();
  }
}

function bytesOf(resources: readonly Record<string, unknown>[]): Figures["bytes"] {
  const bytes: Figures["bytes"] = { type: {}, field: {} };
  const add = (to: Record<string, number>, name: string, size: number) => {
    to[name] = (to[name] ?? 0) + size;
  };
  for (const resource of resources) {
    const type = String(resource.type);
    add(bytes.type, type, Buffer.byteLength(JSON.stringify(resource)));
    for (const [name, value] of Object.entries(resource)) {
      const size = Buffer.byteLength(JSON.stringify({ [name]: value }));
      const large = name === "inputs" || name === "outputs";
      add(bytes.field, large && type.startsWith("command:remote") ? `${name}, remote` : name, size);
    }
  }
  return bytes;
}

/** MiB that the engine has had at most, a child of this process. */
function peakOfEngine(): number {
  try {
    const children = readdirSync("/proc/self/task").flatMap(
      (task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").match(/\d+/g) ?? [],
    );
    const peaks = children.map((pid) =>
      /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")),
    );
    return Math.max(0, ...peaks.map((peak) => Number(peak?.[1] ?? 0) / 1024));
  } catch {
    // It has just ended, or this system has no /proc.
    return 0;
  }
}

async function measureApart(...more: string[]): Promise<Figures> {
  const args = ["--require", `${__dirname}/../bin/typescript.cjs`, __filename];
  const { stdout } = await execa(process.execPath, [...args, "--workers", `${workers}`, ...more]);
  return JSON.parse(stdout.slice(stdout.lastIndexOf("\n") + 1)) as Figures;
}

function print(ours: Figures, floor: Figures): void {
  const line = (name: string, of: number, beside?: number, unit = "") =>
    console.log(
      `  ${name.padEnd(56)}${of.toFixed(1).padStart(10)} ${unit.padEnd(4)}` +
        (beside === undefined
          ? ""
          : `${beside.toFixed(1).padStart(10)} ${unit.padEnd(4)} × ${(of / beside).toFixed(1)}`),
    );
  console.log(`${workers} workers, ${ours.resources} resources; beside them the floor`);
  for (const [what, took] of Object.entries(ours.seconds)) {
    line(what, took, floor.seconds[what], "s");
  }
  line("peak memory of the engine", ours.peakMiB.engine, floor.peakMiB.engine, "MiB");
  line("peak memory of the program", ours.peakMiB.program, floor.peakMiB.program, "MiB");
  const perWorker = (bytes: number) => bytes / 1000 / workers;
  line("state a worker", perWorker(ours.stateBytes), perWorker(floor.stateBytes), "KB");
  for (const [by, sizes] of Object.entries(ours.bytes)) {
    console.log(`of it, a worker, by ${by}`);
    const largest = Object.entries(sizes).sort(([, a], [, b]) => b - a);
    for (const [name, size] of largest.slice(0, 14)) line(name, perWorker(size), undefined, "KB");
  }
}

async function main(): Promise<void> {
  if (values.floor !== undefined) {
    const count = Number(values.floor);
    console.log(JSON.stringify(await measure(count > 0 ? commands(count) : migration())));
    return;
  }
  const ours = await measureApart("--floor", "0");
  print(ours, await measureApart("--floor", `${ours.resources}`));
}

void main();
