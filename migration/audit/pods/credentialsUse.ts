import type { PodFacts } from "../../facts/clusterFacts.js";
import { sessionMinutes } from "../../kube2iam/flags.js";
import { asksForRole, usesRole } from "../../situation/rolesInUse.js";
import { durationSeconds } from "../../settings/schema.js";
import type { Situation } from "../../situation/situation.js";
import { count, someOf } from "../../text/text.js";
import { perNamespace, type Judgement } from "../judgement.js";

/** Sessions from which on the AWS SDK for Java keeps credentials for a while [kiam#41]. */
const longEnoughMinutes = 30;

/** How pods use credentials: those that keep none, that ask at once, that bypass both systems. */
export function auditCredentialsUse(situation: Situation): Judgement[] {
  return [
    ...tooShortSessions(situation),
    ...churningPods(situation),
    ...shortLivedPods(situation),
    ...hostNetworkPods(situation),
  ];
}

function tooShortSessions({ settings }: Situation): Judgement[] {
  const { sessionDuration } = settings.kiam;
  if (durationSeconds(sessionDuration) >= longEnoughMinutes * 60) return [];
  return [
    {
      code: "session-too-short",
      severity: "warns",
      object: "kiam.sessionDuration",
      seen: `it is ${sessionDuration}`,
    },
  ];
}

function churningPods({ settings, facts }: Situation): Judgement[] {
  const commandLine = facts.kube2iam?.commandLine ?? [];
  const today = sessionMinutes(commandLine);
  const later = durationSeconds(settings.kiam.sessionDuration) / 60;
  const cure =
    today < longEnoughMinutes && later >= longEnoughMinutes
      ? `kiam's longer sessions may cure it (${settings.kiam.sessionDuration} after kube2iam's ${today}m); if not, `
      : "";
  return perNamespace(facts.kube2iamLog?.churning ?? []).map(([namespace, pods]): Judgement => ({
    code: "credentials-churn",
    severity: "warns",
    object: `namespace/${namespace}`,
    seen: `${count(pods.length, "pod")} there ask for credentials all the time: ${someOf(pods.map(({ name, requests, minutes }) => `${name} ${requests} times in ${minutes} minutes`))}`,
    why: `each request goes through kiam's agent to its server, and each may fail${later < longEnoughMinutes ? `; sessions of ${settings.kiam.sessionDuration} make it worse` : ""}`,
    fix: `${cure}let one process keep its SDK's client instead of making a new one for each call, or a new process`,
  }));
}

function shortLivedPods({ facts }: Situation): Judgement[] {
  const ofJobs = (pod: PodFacts) => pod.controller === "Job" || pod.controller === "CronJob";
  const pods = facts.pods.filter((pod) => ofJobs(pod) && usesRole(pod));
  return perNamespace(pods).map(([namespace, members]): Judgement => ({
    code: "short-lived-pods",
    severity: "informs",
    object: `namespace/${namespace}`,
    seen: `${count(members.length, "pod")} of Jobs there use a role (${someOf(members.map(({ name }) => name))})`,
  }));
}

/** Their annotation has no effect: they share their node's network. */
function hostNetworkPods({ facts }: Situation): Judgement[] {
  const pods = facts.pods.filter((pod) => pod.hostNetwork && asksForRole(pod));
  return perNamespace(pods).map(([namespace, members]): Judgement => ({
    code: "host-network-pod-with-role",
    severity: "warns",
    object: `namespace/${namespace}`,
    seen: `${count(members.length, "pod")} on the host's network ask for a role (${someOf(members.map(({ name }) => name))})`,
  }));
}
