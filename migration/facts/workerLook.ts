import type { BackendRules, NatState, NodeReport } from "../rules/nodeReport.js";

/** What a worker shows over SSH, looked at with the login that the cutover will use. */
export type WorkerLook =
  | {
      /** Names of its network interfaces. */
      interfaces: string[];
      /** TCP ports listened on, with the program where it can be told. */
      listening: { port: number; program: string | undefined }[];
      /** Its nat/PREROUTING rules, in order. */
      natRules: BackendRules[];
      /** Whose rule comes first. */
      inForce: NatState["inForce"];
      /** With `unknown`: what in front of the rules, or unreadable among them, is to blame. */
      unclear?: string;
      /** kube2iam's rules as the cutover would capture them for the way back. */
      kube2iamRules: NodeReport["kube2iamRules"];
      /**
       * Names of servers whose kiam port did not answer at all (not even with a refusal). Asked
       * only where the server is on the host's network.
       */
      serversBlocked: string[];
    }
  | {
      failed: LookFailure;
      /** One line, in the words of what refused. */
      message: string;
    };

/**
 * What failed: the connection; the host key, which is another one; the program that was to tell that
 * key; the login; sudo; iptables, which is missing or does not work; `wrong-node`: it is another
 * machine than the one meant; `answer`: the scripts ran, and their answer cannot be understood.
 */
export type LookFailure =
  | "connect"
  | "host-key"
  | "host-key-command"
  | "login"
  | "sudo"
  | "iptables"
  | "wrong-node"
  | "answer";

/** Why a worker could not be looked at. */
export class LookError extends Error {
  constructor(
    readonly failed: LookFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "LookError";
  }
}
