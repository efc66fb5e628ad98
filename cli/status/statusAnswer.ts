import Table from "cli-table3";

import type { StatusAnswer } from "../../automation/look/statusOfStack.js";
import { hasNothingToMove, type Rollout } from "../../migration/status/status.js";
import type { Answering, WorkerStatus } from "../../migration/status/workerStatus.js";
import { shown, shownLine } from "../../migration/text/shown.js";
import { count, someOf } from "../../migration/text/text.js";

/** The answer for people: the stack, its workers, kiam, and last what to type next. */
export function statusAsText(answer: StatusAnswer): string {
  return [
    ...stackAsText(answer),
    "",
    ...workersAsText(answer.workers),
    ...kiamAsText(answer),
    "",
    conclusion(answer),
    ...answer.next.map((command) => `  ${command}`),
  ].join("\n");
}

function stackAsText({ stack, stage, update, stateRead, blocking }: StatusAnswer): string[] {
  const under = stage.begun === stage.reached ? "" : `, ${stage.begun} begun`;
  const state = stateRead ? `${stage.reached ?? "nothing yet"}${under}` : "cannot be read";
  return [
    `stack     ${stack}`,
    `stage     ${stage.settings} by its settings; by its state: ${state}`,
    ...{
      rest: ["update    none is under way"],
      running: ["update    one is running, or may be:"],
      "cut-short": ["update    the last one was cut short:"],
    }[update.at],
    ...(update.said === undefined ? [] : shown(update.said).split("\n")),
    ...(blocking === 0
      ? []
      : [`audit     ${count(blocking, "finding")} would stop an update: see kiam-migrate audit`]),
  ];
}

function workersAsText(workers: readonly WorkerStatus[]): string[] {
  if (workers.length === 0) return ["No node concerns the migration."];
  const table = new Table({
    head: ["worker", "who answers", "proven", "connections to kube2iam", "left to do"],
    style: { head: [], border: [] },
    wordWrap: true,
    wrapOnWordBoundary: false,
    colWidths: [null, 44, null, 32, 40],
  });
  for (const worker of workers) {
    table.push(
      [
        nameOf(worker),
        answeringAsText(worker.answering),
        provenAsText(worker),
        clientsAsText(worker),
        leftAsText(worker),
      ].map((each) => shownLine(each)),
    );
  }
  return [table.toString()];
}

function nameOf({ name, outside, known }: WorkerStatus): string {
  if (outside) return `${name} (outside)`;
  return known ? name : `${name} (no update has seen it)`;
}

const systems: Record<Answering["who"], string> = {
  kube2iam: "kube2iam",
  kiam: "kiam",
  nobody: "neither: the node's own role",
  unclear: "not clear",
};

const evidence: Record<Answering["by"], string> = {
  asked: "asked just now",
  rules: "by its rules",
  pods: "by the pods there",
};

function answeringAsText({ who, by, seen }: Answering): string {
  return `${systems[who]} (${evidence[by]}${seen === undefined ? "" : `: ${seen}`})`;
}

function provenAsText({ proven, provenAt }: WorkerStatus): string {
  if (!proven) return "-";
  return provenAt === undefined ? "yes" : provenAt.replace(/\.\d+/, "");
}

function clientsAsText({ kube2iamClients }: WorkerStatus): string {
  const clients = kube2iamClients.map(({ client, connections }) => `${client} (${connections})`);
  return clients.length === 0 ? "-" : someOf(clients, 5);
}

function leftAsText({ broken, deviation, left, waits }: WorkerStatus): string {
  const steps = left === undefined ? "not known" : left.join(" → ");
  const waiting = waits === undefined || waits.why === broken ? undefined : `waits: ${waits.why}`;
  const said = [broken, deviation, waiting, steps || undefined];
  return said.filter((each) => each !== undefined).join("; ") || "nothing";
}

function kiamAsText({ servers, agents, certificates, unseen }: StatusAnswer): string[] {
  return [
    `servers   ${rolloutAsText(servers)}`,
    `agents    ${rolloutAsText(agents)}`,
    ...certificates.map(
      (each) =>
        `secret    ${shownLine(each.secret)}: ${"days" in each ? validity(each.days) : shownLine(each.problem)}`,
    ),
    ...(unseen.length === 0 ? [] : [`unseen    ${shownLine(someOf(unseen, 10))}`]),
  ];
}

function rolloutAsText(rollout: Rollout): string {
  return rollout === undefined ? "none yet" : `${rollout.ready} of ${rollout.wanted} ready`;
}

function validity(days: number): string {
  return days < 0
    ? `its certificate has run out, ${count(-days, "day")} ago`
    : `its certificate is valid for ${count(days, "day")}`;
}

function conclusion(answer: StatusAnswer): string {
  const { stage, workers, done, update, next } = answer;
  const then = next.length === 0 ? "" : " Next:";
  if (update.at !== "rest") return `Nothing else can begin before that is over.${then}`;
  if (done) return `Nothing is left to do at stage ${stage.settings}.${then}`;
  if (hasNothingToMove(answer)) {
    return `Stage cutover is not complete: no worker has moved, and the settings select none that has to.${then}`;
  }
  const open = workers.filter(({ left, waits }) => left?.length !== 0 || waits !== undefined);
  const where =
    open.length === 0 ? "" : `: something is left to do on ${count(open.length, "node")}`;
  return `Stage ${stage.settings} is not complete${where}.${then}`;
}
