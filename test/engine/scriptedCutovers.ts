import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import * as command from "@pulumi/command";
import type { PulumiFn } from "@pulumi/pulumi/automation";
import pWaitFor from "p-wait-for";

import { askFirst, type Begins } from "../../components/begins.js";
import { inWaves } from "../../components/cutover/inWaves.js";
import { WorkerCutover } from "../../components/cutover/workerCutover.js";
import { stopFileVariable } from "../../migration/move/orderlyStop.js";
import { makePlan } from "../../migration/plan/makePlan.js";
import { gateTarget } from "../../migration/situation/target.js";
import { exampleFacts, exampleNode, exampleSituation } from "../support/exampleCluster.js";
import { patience } from "./limit.js";

/*
 * The cutover of workers as the program declares it, with gates that do nothing but write down that
 * they ran, and wait where they are told to. They look for the file of a stop on the way back alone.
 */

const script = `
const { appendFileSync, existsSync, readFileSync } = require("node:fs");
const verb = process.argv[2];
const { worker } = JSON.parse(readFileSync(0, "utf8"));
const step = verb + " " + worker.name;
appendFileSync("log", step + "\\n");
if (verb === "return-worker" && existsSync(process.env.${stopFileVariable} ?? "")) {
  console.error("A stop was asked for.");
  process.exit(1);
}
const wait = setInterval(() => {
  if (existsSync(step + ".hold")) return;
  clearInterval(wait);
  console.log(JSON.stringify(verb === "capture-rule" ? { rules: [] } : {}));
}, 20);
`;

export class ScriptedCutovers {
  private constructor(private readonly directory: string) {}

  /** @param directory of the stack; gates run there */
  static async in(directory: string): Promise<ScriptedCutovers> {
    const loader = path.join(directory, "node_modules/tsx/cjs");
    await mkdir(loader, { recursive: true });
    // The script needs no loader, and starts in half the time without.
    await writeFile(path.join(loader, "index.js"), "");
    await mkdir(path.join(directory, "gates"));
    await writeFile(path.join(directory, "gates/main.ts"), script);
    return new ScriptedCutovers(directory);
  }

  /** What has begun, in order, such as `recheck-worker worker-1`. */
  get log(): string[] {
    const file = path.join(this.directory, "log");
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  async begun(...steps: string[]): Promise<void> {
    await pWaitFor(() => steps.every((step) => this.log.includes(step)), {
      interval: 20,
      timeout: patience,
    });
  }

  /** A step does not end before it is let go on. */
  async hold(...steps: string[]): Promise<void> {
    for (const step of steps) await writeFile(this.holdOf(step), "");
  }

  async letGoOn(...steps: string[]): Promise<void> {
    for (const step of steps) await rm(this.holdOf(step));
  }

  async forgetLog(): Promise<void> {
    await rm(path.join(this.directory, "log"), { force: true });
  }

  private holdOf(step: string): string {
    return path.join(this.directory, `${step}.hold`);
  }

  /** The first worker by itself, three in a wave, the fifth after them; none where all are to go back. */
  program(begins: Begins | undefined, back = false, declareWaves = inWaves): PulumiFn {
    const workers = { canaries: [], waveSize: 3, access: "exec" as const };
    const nodes = [
      ...exampleFacts().nodes.filter(({ name }) => name.startsWith("master")),
      ...[1, 2, 3, 4, 5].map((each) => exampleNode(`worker-${each}`, `10.0.0.1${each}`)),
    ];
    const situation = exampleSituation({ stage: "cutover", workers }, { nodes });
    const plan = makePlan(situation);
    return () => {
      const anchor = new command.local.Command("anchor", { create: "true" });
      declareWaves(back ? [] : plan.waves, [], undefined, (worker, after) => {
        return new WorkerCutover(
          `${worker.name}-cutover`,
          {
            ...{ worker, anchor, begins, ssh: situation.settings.ssh, probe: plan.probe! },
            target: gateTarget(situation.settings, plan.kube2iam),
          },
          { dependsOn: begins ? askFirst(after, () => begins.part()) : after },
        );
      });
      return Promise.resolve();
    };
  }
}
