import type { Backend } from "./natRule.js";
import type { NatState } from "./nodeReport.js";

/** nat/PREROUTING of one set of tables, as `iptables -S` lists it. */
export interface BackendRules {
  backend: Backend;
  rules: string[];
}

/** The rules of a machine, by the tables that have any. */
export function backendRules(state: Pick<NatState, Backend>): BackendRules[] {
  return (["nft", "legacy"] as const)
    .map((backend) => ({ backend, rules: state[backend] }))
    .filter(({ rules }) => rules.length > 0);
}
