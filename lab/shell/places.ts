import { join } from "node:path";

import type { LabPaths } from "../paths.js";

/** Where a lab keeps what its shell needs. */
export interface ShellPlaces {
  /** This program as a user has it: index.ts, Pulumi.yaml, and the settings of stack `lab`. */
  readonly project: string;
  /** Opens a shell for the lab; as root, from any terminal. */
  readonly entrance: string;
  /** First on the shell's PATH. */
  readonly programs: string;
  readonly startUp: string;
  readonly sshConfig: string;
  readonly tour: string;
  readonly kubectlCache: string;
  readonly history: string;
  readonly pulumiHome: string;
  /** Backend of the stack. */
  readonly state: string;
}

export function shellPlaces({ directory }: Pick<LabPaths, "directory">): ShellPlaces {
  const own = join(directory, "shell");
  return {
    project: join(directory, "kube2iam-to-kiam"),
    entrance: join(own, "enter"),
    programs: join(own, "bin"),
    startUp: join(own, "bashrc"),
    sshConfig: join(own, "ssh_config"),
    tour: join(own, "tour"),
    kubectlCache: join(own, "kubectl-cache"),
    history: join(own, "history"),
    pulumiHome: join(own, "pulumi"),
    state: join(own, "state"),
  };
}
