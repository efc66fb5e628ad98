/** How the lab's AWS (server.py) is started. */
import path from "node:path";
import type { IdentityPolicy } from "../../migration/rights/iamPolicies.js";
import { METADATA_ADDRESS, VPC_ADDRESS } from "../cluster/topology.js";
import type { LabPaths } from "../paths.js";
import { operatorPolicies } from "./operatorPolicies.js";

/** The one region of the lab's AWS. */
export const AWS_REGION = "us-east-1";

/** Plain http, for all that can reach the VPC: what AWS_ENDPOINT_URL is set to. */
export const AWS_ENDPOINT = `http://${VPC_ADDRESS}:4566`;
/** Where faults are switched on and off, see lab_aws/control.py. */
export const AWS_CONTROL = `http://${VPC_ADDRESS}:4567`;

/** Where a running lab keeps the admin's key: {accessKeyId, secretAccessKey}. */
export const adminFile = (paths: LabPaths) => path.join(paths.awsDirectory, "admin.json");
/** Where it keeps the operator's key: of a user with the policies of rights/iam and no others. */
export const operatorFile = (paths: LabPaths) => path.join(paths.awsDirectory, "operator.json");
/** Who asked to assume which role in a running lab, what was decided and why (JSON lines). */
const decisionsFile = (paths: LabPaths) => path.join(paths.awsDirectory, "decisions.jsonl");

export interface AwsServerOptions {
  /** Interpreter of an environment that has requirements.txt installed. */
  python: string;
  /** `host:port` of IAM, STS and EC2 over http; answers GET /ready. Port 0 takes a free one. */
  plain?: string;
  /** The same over https, with the certificate chain and key (PEM files). */
  tls?: { address: string; certificate: string; key: string };
  /** `host:port` of instance metadata, and the nodes.json that says who asks from where. */
  metadata?: { address: string; nodes: string };
  /** `host:port` where faults are switched on and off, see lab_aws/control.py. */
  control?: string;
  /** Where the admin's key is written: {accessKeyId, secretAccessKey}. */
  adminFile?: string;
  /** A user beside the admin: where its key is written, and what it may, by name of the policy. */
  operator?: { file: string; policies: Record<string, IdentityPolicy> };
  /** Journal of who asked to assume which role, with the decision and why (JSON lines). */
  decisions?: string;
}

/**
 * The command line of the server. Once every address listens it prints one line of JSON
 * with the addresses taken; SIGTERM ends it with status 0.
 */
export function awsServerCommand(options: AwsServerOptions): { file: string; args: string[] } {
  const flags: [string, string | undefined][] = [
    ["--plain", options.plain],
    ["--tls", options.tls?.address],
    ["--tls-cert", options.tls?.certificate],
    ["--tls-key", options.tls?.key],
    ["--metadata", options.metadata?.address],
    ["--nodes", options.metadata?.nodes],
    ["--control", options.control],
    ["--admin-file", options.adminFile],
    ["--operator-file", options.operator?.file],
    ["--operator-policies", options.operator && JSON.stringify(options.operator.policies)],
    ["--decisions", options.decisions],
  ];
  const given = flags.flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return { file: options.python, args: [path.join(__dirname, "server.py"), ...given] };
}

/** The command line with the addresses and files of the lab's cluster. */
export function labAwsCommand(python: string, paths: LabPaths): { file: string; args: string[] } {
  return awsServerCommand({
    python,
    plain: new URL(AWS_ENDPOINT).host,
    tls: { address: `${VPC_ADDRESS}:443`, ...paths.awsServer },
    metadata: { address: `${METADATA_ADDRESS}:80`, nodes: paths.awsNodes },
    control: new URL(AWS_CONTROL).host,
    adminFile: adminFile(paths),
    operator: { file: operatorFile(paths), policies: operatorPolicies() },
    decisions: decisionsFile(paths),
  });
}
