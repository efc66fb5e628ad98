import type { Client } from "ssh2";

import { lookCommand, lookScript, parseLookAnswer } from "../../worker/look/script.js";
import { ruleCommand, ruleScript, type RuleArguments } from "../../worker/rules/script.js";
import {
  backendRules,
  inForceOf,
  parseNodeReport,
  type NodeReport,
} from "../../migration/rules/nodeReport.js";
import type { Settings } from "../../migration/settings/schema.js";
import type { Bastion } from "../ssh/bastion.js";
import { logIn } from "../ssh/logIn.js";
import { LookError, type LookFailure, type WorkerLook } from "../../migration/facts/workerLook.js";
import { runScript } from "../ssh/runScript.js";

/** For each of the two scripts; the lock of iptables alone may take a minute. */
const secondsPerScript = 90;

export interface WorkerAddress {
  /** Node name. */
  name: string;
  /** Address in the DNAT rules. */
  hostIp: string;
  /** Where SSH connects to. */
  address: string;
  /** Undefined where the settings accept unknown hosts. */
  hostKey: string | undefined;
}

/** What is the same for every worker. */
export interface Sights {
  /** Flags of the script of worker/rules/. */
  rules: Omit<RuleArguments["inspect"], "hostIp">;
  /** kiam's servers on the host's network: `IP:port` → node name. */
  servers: ReadonlyMap<string, string>;
}

/** Looks at one worker. Never throws: what fails is the result. */
export async function lookAtWorker(
  worker: WorkerAddress,
  sights: Sights,
  ssh: Settings["ssh"],
  bastion: Bastion | undefined,
): Promise<WorkerLook> {
  let client: Client | undefined;
  try {
    const login = { ...ssh, host: worker.address, hostKey: worker.hostKey };
    const way = bastion && (() => bastion.forward(worker.address, ssh.port));
    client = await logIn(login, ssh, way);
    const report = await inspect(client, worker, sights, ssh.sudo);
    return { ...(await look(client, sights, ssh.sudo)), ...rulesOf(report) };
  } catch (error) {
    const failed: LookFailure = error instanceof LookError ? error.failed : "answer";
    return lookFailure(failed, (error as Error).message);
  } finally {
    client?.end();
  }
}

/** What of its findings keeps the cutover from a worker. */
const refusals: Partial<Record<NodeReport["findings"][number]["code"], LookFailure>> = {
  "not-root": "sudo",
  "wrong-node": "wrong-node",
  "no-iptables": "iptables",
  "backend-unreadable": "iptables",
  "rule-unread": "iptables",
};

async function inspect(
  client: Client,
  { hostIp }: WorkerAddress,
  { rules }: Sights,
  sudo: boolean,
): Promise<NodeReport> {
  const command = ruleCommand("inspect", { ...rules, hostIp, attempts: 1 });
  const report = parseNodeReport(await answerOf(client, command, ruleScript("inspect"), sudo));
  for (const { code, message } of report.findings) {
    const failed = refusals[code];
    if (failed !== undefined) throw new LookError(failed, message);
  }
  return report;
}

function rulesOf(report: NodeReport) {
  const { before, kube2iamRules } = report;
  return { natRules: backendRules(before), ...inForceOf(before, report), kube2iamRules };
}

async function look(client: Client, { servers }: Sights, sudo: boolean) {
  const stdout = await answerOf(client, lookCommand([...servers.keys()]), lookScript(), sudo);
  const { interfaces, listening, blocked } = parseLookAnswer(stdout);
  return {
    interfaces,
    listening,
    serversBlocked: blocked.map((server) => servers.get(server) ?? server),
  };
}

async function answerOf(
  client: Client,
  command: string,
  script: string,
  sudo: boolean,
): Promise<string> {
  const prefix = sudo ? "sudo -n " : "";
  const { stdout, stderr, exitCode } = await runScript(
    client,
    prefix + command,
    script,
    secondsPerScript,
  );
  if (exitCode === undefined) throw new LookError("answer", "the connection was cut");
  // The scripts themselves always have something to say.
  if (sudo && stdout === "" && exitCode !== 0) {
    throw new LookError("sudo", stderr || `sudo -n ended with status ${exitCode}`);
  }
  return stdout;
}

/** Why a worker could not be looked at, in one line. */
export function lookFailure(
  failed: LookFailure,
  message: string,
): Extract<WorkerLook, { failed: LookFailure }> {
  return { failed, message: message.trim().replace(/\s+/g, " ").slice(0, 300) };
}
