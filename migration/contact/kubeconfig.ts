import { someOf } from "../text/text.js";
import { typed, type Contact } from "./contact.js";

/** Why a kubeconfig does not lead to a cluster. */
export type KubeconfigFailure =
  | { is: "missing" }
  /** `code` is the system's (ENOENT, EACCES); none where the file was read and makes no sense. */
  | { is: "unreadable"; code: string | undefined; said: string }
  | { is: "no-current-context"; contexts: readonly string[] }
  | { is: "unknown-context"; context: string; setting: boolean; contexts: readonly string[] }
  | { is: "incomplete-context"; context: string }
  | { is: "plain-http"; context: string; server: string };

const why = "without it the cluster cannot be looked at; nothing was touched";

/** @param place where the kubeconfig was looked for, such as `KUBECONFIG=/home/me/staging` */
export function kubeconfigContact(place: string, failure: KubeconfigFailure): Contact {
  switch (failure.is) {
    case "missing":
      return {
        code: "kubeconfig-missing",
        what: "There is no kubeconfig",
        where: place,
        why,
        fix: "export KUBECONFIG=/path/to/kubeconfig, and see that this works: kubectl get nodes",
      };
    case "unreadable":
      return unreadable(place, failure);
    case "no-current-context":
      return {
        code: "context-not-chosen",
        what: "The kubeconfig has no current context, and the stack's settings name none",
        where: `${place}; ${known(failure.contexts)}`,
        why: "which cluster is meant is not known; nothing was touched",
        fix: "pulumi config set --path kubernetes.context NAME (kubectl config get-contexts lists them)",
      };
    case "unknown-context":
      return {
        code: "context-unknown",
        what: failure.setting
          ? `kubernetes.context: there is no context ${failure.context} in the kubeconfig`
          : `The kubeconfig's current context, ${failure.context}, is not in it`,
        where: `${place}; ${known(failure.contexts)}`,
        why: "another cluster than the one that is meant must not be touched; nothing was",
        fix: failure.setting
          ? "pulumi config set --path kubernetes.context NAME, or set KUBECONFIG to the file that has it (kubectl config get-contexts lists them)"
          : "kubectl config use-context NAME (kubectl config get-contexts lists them)",
      };
    case "incomplete-context":
      return {
        code: "context-incomplete",
        what: `Context ${failure.context} names a cluster that is not in the kubeconfig`,
        where: place,
        why,
        fix: "fetch the kubeconfig anew, and see that this works: kubectl get nodes",
      };
    case "plain-http":
      return {
        code: "server-without-tls",
        what: `The API server is to be reached without TLS: ${failure.server}`,
        where: `context ${failure.context} of ${place}`,
        why: "credentials would go over the network in clear; nothing was sent",
        fix: `give the server's https address: kubectl config set-cluster NAME --server=https://… (kubectl config view shows NAME). Only for a proxy on this machine, such as kubectl proxy: set insecure-skip-tls-verify: true beside server: ${typed(failure.server)}`,
      };
  }
}

function unreadable(
  place: string,
  { code, said }: Extract<KubeconfigFailure, { is: "unreadable" }>,
): Contact {
  const common = { where: place, why };
  switch (code ?? "") {
    case "ENOENT":
      return {
        ...common,
        code: "kubeconfig-missing",
        what: "The kubeconfig is not there",
        said: [said],
        fix: "set KUBECONFIG to files that are there, and see that this works: kubectl get nodes",
      };
    case "EACCES":
    case "EPERM":
      return {
        ...common,
        code: "kubeconfig-unreadable",
        what: "You may not read the kubeconfig",
        said: [said],
        fix: "change the file's owner or mode (ls -l), or set KUBECONFIG to one of your own",
      };
    case undefined:
    default:
      return {
        ...common,
        code: "kubeconfig-unreadable",
        what: "The kubeconfig could not be understood",
        said: [said],
        fix: "see what kubectl says of it: kubectl config view",
      };
  }
}

function known(contexts: readonly string[]): string {
  return contexts.length === 0 ? "it has no context" : `it has: ${someOf(contexts, 10)}`;
}
