/** One command of the tour. */
export interface TourStep {
  /** As it is typed. */
  command: string;
  /** What it shows, for the list of all. */
  shows: string;
}

/**
 * The tour through a lab at its beginning, in this order. docs/tour.md has what each prints, and is made
 * by `npm run docs:tour`.
 */
export const tour: readonly TourStep[] = [
  {
    command: "kubectl get pods --all-namespaces",
    shows: "all pods: kube2iam and the applications, on every worker",
  },
  {
    command: "ssh worker-1 sudo iptables -t nat -S PREROUTING",
    shows: "the rule that leads credential requests to kube2iam",
  },
  {
    command: "kiam-migrate audit --stage retire",
    shows: "all that is in the way of the whole move; changes nothing",
  },
  { command: "pulumi preview", shows: "what stage prepare would create" },
  { command: "pulumi up --yes", shows: "creates it; kube2iam never notices" },
  {
    command: "kiam-migrate trust --approve",
    shows: "lets the applications' roles trust kiam's server",
  },
  {
    command: "kiam-migrate migrate --to cutover --yes",
    shows: "moves every worker to kiam, stage by stage",
  },
  { command: "kiam-migrate status", shows: "who answers on each worker, and what is left to do" },
  { command: "requests", shows: "what the applications were answered meanwhile" },
  {
    command: "kiam-migrate rollback --to prepare --yes",
    shows: "takes every worker back to kube2iam",
  },
];

/** The tour as the shell prints it. */
export function describeTour(): string {
  const width = Math.max(...tour.map(({ command }) => command.length));
  return tour
    .map(({ command, shows }, index) => {
      const number = String(index + 1).padStart(4);
      return `${number}  ${command.padEnd(width)}  ${shows}`;
    })
    .join("\n");
}
