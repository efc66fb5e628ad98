/*
 * What gates write down for the next plan, in a ConfigMap of kiam's namespace: the stack's state
 * does not tell the program what a gate that failed had come to.
 */

/** Name of that ConfigMap. */
export const gateNotesName = "kube2iam-to-kiam-notes";

/** Read by clusterValues.ts. */
export interface GateNotes {
  /** Which of kube2iam's preStop hooks was neutralised last; see preStopToken.ts. */
  preStopToken?: string;
  /** When a retirement last stopped because of connections to kube2iam; ISO time. */
  connectionsLeft?: string;
}
