/** Where AWS answers: instance metadata, STS, EC2 and IAM. */
export const VPC = "vpc";
/** Where an operator sits: engine, kubectl and ssh run here. */
export const OPERATOR = "operator";

export const VPC_ADDRESS = "10.99.0.254";
export const OPERATOR_ADDRESS = "10.99.0.253";
export const METADATA_ADDRESS = "169.254.169.254";
export const MASTER_ADDRESS = "10.99.0.10";
export const POD_CIDR = "10.244.0.0/16";
export const SERVICE_CIDR = "10.96.0.0/16";
export const KUBERNETES_SERVICE_ADDRESS = "10.96.0.1";
export const DNS_ADDRESS = "10.96.0.10";
export const CLUSTER_DOMAIN = "cluster.local";
export const API_URL = `https://${MASTER_ADDRESS}:6443`;
/** Names of AWS that the cluster's DNS answers with {@link VPC_ADDRESS}. */
export const AWS_NAMES = [
  "sts.us-east-1.amazonaws.com",
  "ec2.us-east-1.amazonaws.com",
  "sts.amazonaws.com",
  "iam.amazonaws.com",
] as const;
/** The user on every node whom ssh lets in. */
export const SSH_USER = "ubuntu";
export const MAX_WORKERS = 50;

export interface ClusterNode {
  /** `master-1`, `worker-1` … */
  readonly name: string;
  readonly role: "master" | "worker";
  /** 0 for the master, N for worker N; also the third byte of the pod range. */
  readonly index: number;
  /** The node's own address, without prefix length. */
  readonly address: string;
  readonly podCidr: string;
}

export function masterNode(): ClusterNode {
  return node("master", 0, "master-1");
}

export function workerNode(index: number): ClusterNode {
  if (!Number.isInteger(index) || index < 1 || index > MAX_WORKERS) {
    throw new Error(
      `worker ${index} has no address: the lab has room for workers 1 to ${MAX_WORKERS}`,
    );
  }
  return node("worker", index, `worker-${index}`);
}

function node(role: ClusterNode["role"], index: number, name: string): ClusterNode {
  return {
    name,
    role,
    index,
    address: `10.99.0.${10 + index}`,
    podCidr: `10.244.${index}.0/24`,
  };
}
