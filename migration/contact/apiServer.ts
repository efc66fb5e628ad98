import { howToEdit, missingRight } from "../rights/missingRight.js";
import { count } from "../text/text.js";
import { typed, type Contact } from "./contact.js";

/** A request to the API server that failed, as far as it tells why. */
export interface ApiFailure {
  /** What was asked for, such as `listing nodes`. */
  call: string;
  /** The HTTP status; undefined where there was no answer. */
  status: number | undefined;
  /** Of Node (ECONNREFUSED, CERT_HAS_EXPIRED), or of {@link noAnswer} and {@link noCredentials}. */
  code: string | undefined;
  /** In the words of the server, or of Node. */
  said: string;
}

/** Code of a request that was given up: no answer within the time that one has. */
export const noAnswer = "no-answer";
/** Code of a request that was not sent: the program that gives credentials failed. */
export const noCredentials = "no-credentials";

/** What the requests were made with. */
export interface ApiAddress {
  server: string;
  context: string;
  user: string;
  /** The program that the kubeconfig has give credentials, such as `aws`. */
  credentialsProgram: string | undefined;
  /** Seconds that a request had. */
  seconds: number;
}

type Row = (address: ApiAddress, said: readonly string[]) => Omit<Contact, "where" | "said">;

const unseen = "what cannot be seen counts as not safe; nothing was touched";

const refusesConnections: Row = ({ server }) => ({
  code: "api-server-refuses",
  what: `No API server listens at ${server}`,
  why: unseen,
  fix: "see that it runs and that the address is right: kubectl cluster-info. A tunnel or port-forward to it may have ended",
});

const unknownName: Row = ({ server }) => ({
  code: "api-server-unknown",
  what: `The name of the API server cannot be resolved: ${server}`,
  why: unseen,
  fix: "it may be known inside of the cluster's network only: connect the VPN or the bastion, then try: kubectl cluster-info",
});

const unreachable: Row = ({ server }) => ({
  code: "api-server-unreachable",
  what: `The API server cannot be reached: ${server}`,
  why: unseen,
  fix: "connect the VPN or the bastion, see that firewall and security group let you through, then try: kubectl cluster-info",
});

const silent: Row = ({ server, seconds }) => ({
  code: "api-server-silent",
  what: `The API server did not answer within ${seconds} s: ${server}`,
  why: unseen,
  fix: "find out whether it is slow for all: time kubectl get nodes. If only for you: VPN, bastion, proxy",
});

const hangsUp: Row = ({ server }) => ({
  code: "api-server-hangs-up",
  what: `The connection to the API server was cut: ${server}`,
  why: unseen,
  fix: "see that an API server, and not a proxy without a backend, is there: kubectl cluster-info",
});

const otherCertificate: Row = ({ server }) => ({
  code: "api-server-not-trusted",
  what: `The certificate of ${server} is not one that the kubeconfig trusts`,
  why: "another server may be at that address; no credentials were sent",
  fix: "fetch the kubeconfig anew: its certificate-authority-data, or its tls-server-name, does not fit the server",
});

const expiredCertificate: Row = ({ server }) => ({
  code: "api-server-certificate-expired",
  what: `The certificate of ${server} has expired, or is not valid yet`,
  why: "another server may be at that address; no credentials were sent",
  fix: "see that this machine's clock is right (date), then have the API server's certificate renewed",
});

const notTls: Row = ({ server }) => ({
  code: "api-server-no-tls",
  what: `What answers at ${server} does not speak TLS`,
  why: unseen,
  fix: "correct the server's address or port in the kubeconfig: kubectl config view",
});

const noCredentialsGiven: Row = ({ credentialsProgram }) => ({
  code: "kubernetes-credentials-failed",
  what: `${credentialsProgram ?? "What gives credentials for the cluster"} gave no credentials`,
  why: unseen,
  fix: "install that program, or log in with it (aws sso login, for one), then try: kubectl get nodes",
});

/** By the code of an error; the first row that has one of them counts. */
const byCode: readonly (readonly [readonly string[], Row])[] = [
  [[noCredentials], noCredentialsGiven],
  [["ECONNREFUSED"], refusesConnections],
  [["ENOTFOUND", "EAI_AGAIN"], unknownName],
  [["EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "EHOSTDOWN", "ENETDOWN"], unreachable],
  [[noAnswer], silent],
  [["CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID"], expiredCertificate],
  [
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "SELF_SIGNED_CERT_IN_CHAIN",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "UNABLE_TO_GET_ISSUER_CERT",
      "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
      "CERT_SIGNATURE_FAILURE",
      "ERR_TLS_CERT_ALTNAME_INVALID",
    ],
    otherCertificate,
  ],
  [["EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_PACKET_LENGTH_TOO_LONG"], notTls],
  [["ECONNRESET", "EPIPE"], hangsUp],
];

const unauthorized: Row = ({ context, user }) => ({
  code: "kubernetes-unauthorized",
  what: `The API server does not know you: the credentials of ${user} are wrong or have expired`,
  why: unseen,
  fix: `log in again (aws sso login, or fetch the kubeconfig anew), then try: kubectl --context ${typed(context)} get nodes`,
});

const forbidden: Row = ({ context, user }, said) => ({
  code: "kubernetes-forbidden",
  what: `The API server refuses ${user} ${count(said.length, "request")} that this program has to make`,
  why: unseen,
  fix: `${grantOf(said)}. To see those that you have: kubectl --context ${typed(context)} auth can-i --list`,
});

/** The files that give what was refused; to one who looks, where it is not known that more is meant. */
function grantOf(said: readonly string[]): string {
  const missing = said.flatMap((each) => missingRight(each) ?? []);
  const files = new Set(missing.flatMap((each) => each.files.slice(0, 1)));
  if (files.size === 0) return "have these rights bound to you";
  const flags = [...files].sort().map((file) => `-f ${file}`);
  const edits = [
    ...new Set(missing.flatMap(({ renamed }) => (renamed ? [`${howToEdit(renamed)}, then `] : []))),
  ];
  return `have an administrator ${edits.join("")}run kubectl apply ${flags.join(" ")}, and put you into its group; for one who moves the cluster there is rights/kubernetes/move.yaml (docs/rights.md)`;
}

const noKubernetes: Row = ({ server }) => ({
  code: "api-server-other",
  what: `What answers at ${server} does not know the Kubernetes API`,
  why: unseen,
  fix: "correct the server's address in the kubeconfig: kubectl config view",
});

const unwell: Row = ({ server }) => ({
  code: "api-server-unwell",
  what: `The API server has trouble of its own: ${server}`,
  why: unseen,
  fix: "wait until it is well, then run the same again: kubectl get --raw '/readyz?verbose'",
});

const byStatus: readonly (readonly [(status: number) => boolean, Row])[] = [
  [(status) => status === 401, unauthorized],
  [(status) => status === 429 || status >= 500, unwell],
  [(status) => status === 403, forbidden],
  [(status) => status === 404, noKubernetes],
];

/**
 * One message for all requests that failed. What explains the others counts first: no connection,
 * then no login, then a right that is missing, of which every request has one of its own.
 *
 * @returns undefined where nothing is known that would explain them
 */
export function apiContact(
  address: ApiAddress,
  failures: readonly ApiFailure[],
): Contact | undefined {
  for (const [codes, row] of byCode) {
    const those = failures.filter(({ code }) => code !== undefined && codes.includes(code));
    if (those.length > 0) return contact(address, row, those.slice(0, 1));
  }
  for (const [matches, row] of byStatus) {
    const those = failures.filter(({ status }) => status !== undefined && matches(status));
    if (those.length > 0)
      return contact(address, row, row === forbidden ? those : those.slice(0, 1));
  }
  return undefined;
}

function contact(address: ApiAddress, row: Row, failures: readonly ApiFailure[]): Contact {
  const said = [...new Set(failures.map(({ call, said }) => `${call}: ${said}`))].sort();
  return {
    ...row(address, said),
    where: `context ${address.context}, user ${address.user}, ${address.server}`,
    said,
  };
}
