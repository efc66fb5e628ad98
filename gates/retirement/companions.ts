import type {
  KubernetesObject,
  RbacV1Subject,
  V1ClusterRole,
  V1DaemonSet,
  V1Role,
  V1RoleRef,
  V1ServiceAccount,
} from "@kubernetes/client-node";

import type { Cluster } from "../../cluster/kubernetes/cluster.js";
import { nameOf } from "../../cluster/kubernetes/objects.js";
import { ClusterError } from "../../cluster/kubernetes/call.js";
import type { Manifest } from "../protocol/inputs.js";
import { applicableManifest } from "./manifest.js";
import { errorAt } from "../protocol/progress.js";

/*
 * What kube2iam's DaemonSet needs beside itself, and what a `helm uninstall` takes along: its
 * service account and that account's rights.
 */

const group = "rbac.authorization.k8s.io";
const rbac = `${group}/v1`;

interface Binding extends KubernetesObject {
  roleRef: V1RoleRef;
  subjects?: RbacV1Subject[];
}

/** kube2iam's service account and that account's rights, as they could be created again, in order. */
export interface Companions {
  companions: Manifest[];
  /** The account as it lives; undefined where there is none. */
  account: V1ServiceAccount | undefined;
}

/** @throws GateError where one of them may not be read, with the permission that is missing */
export async function captureCompanions(
  cluster: Cluster,
  daemonSet: V1DaemonSet,
): Promise<Companions> {
  const { namespace } = nameOf(daemonSet);
  const name = daemonSet.spec?.template.spec?.serviceAccountName ?? "default";
  const account = await allowed(`get serviceaccounts in ${namespace}`, () =>
    cluster.object<V1ServiceAccount>(
      { apiVersion: "v1", kind: "ServiceAccount" },
      { namespace, name },
    ),
  );
  const bindings = (
    await Promise.all(
      ["ClusterRoleBinding", "RoleBinding"].map((kind) =>
        allowed(`list ${kind.toLowerCase()}s.${group}`, () =>
          cluster.objectsOf<Binding>(rbac, kind),
        ),
      ),
    )
  ).flat();
  const own = bindings.filter((binding) =>
    binding.subjects?.some(
      (subject) =>
        subject.kind === "ServiceAccount" &&
        subject.name === name &&
        subject.namespace === namespace,
    ),
  );
  const roles = await captureRoles(cluster, own);
  return {
    account,
    companions: [
      // Kubernetes makes the account `default` of every namespace itself.
      ...(account === undefined || name === "default"
        ? []
        : [applicableManifest(account, ["imagePullSecrets", "automountServiceAccountToken"])]),
      ...roles,
      ...own.map((binding) => applicableManifest(binding, ["roleRef", "subjects"])),
    ],
  };
}

/** The roles that bindings refer to, each once. One that does not exist gives nothing now either. */
async function captureRoles(cluster: Cluster, bindings: readonly Binding[]): Promise<Manifest[]> {
  const named = new Map(
    bindings.map(({ roleRef, metadata }) => {
      const namespace = roleRef.kind === "Role" ? metadata?.namespace : undefined;
      return [`${roleRef.kind} ${namespace} ${roleRef.name}`, { ...roleRef, namespace }];
    }),
  );
  const roles = await Promise.all(
    [...named.values()].map(({ kind, name, namespace }) =>
      allowed(`get ${kind.toLowerCase()}s.${group}`, () =>
        cluster.object<V1Role | V1ClusterRole>({ apiVersion: rbac, kind }, { namespace, name }),
      ),
    ),
  );
  return roles.flatMap((role) =>
    role === undefined
      ? []
      : [applicableManifest<V1ClusterRole>(role, ["aggregationRule", "rules"])],
  );
}

async function allowed<T>(permission: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof ClusterError) || error.code !== 403) throw error;
    throw errorAt(
      "your permissions",
      "kube2iam cannot be captured whole; nothing was touched",
      {
        what: error.message,
        why: "the way back from the retirement has to know kube2iam's service account and that account's rights",
        fix: `allow this user to ${permission}`,
      },
      { cause: error },
    );
  }
}

/** ConfigMaps and Secrets that kube2iam's pods use, such as `Secret kube-system/registry`; sorted. */
export function otherReferences(
  daemonSet: V1DaemonSet,
  account: V1ServiceAccount | undefined,
): string[] {
  const { namespace } = nameOf(daemonSet);
  const spec = daemonSet.spec?.template.spec;
  const volumes = spec?.volumes ?? [];
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  const containers = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
  const variables = containers.flatMap((container) => container.env ?? []);
  const sources = containers.flatMap((container) => container.envFrom ?? []);
  const configMaps = [
    ...volumes.map((volume) => volume.configMap?.name),
    ...projected.map((source) => source.configMap?.name),
    ...variables.map((variable) => variable.valueFrom?.configMapKeyRef?.name),
    ...sources.map((source) => source.configMapRef?.name),
  ];
  const secrets = [
    ...volumes.map((volume) => volume.secret?.secretName),
    ...projected.map((source) => source.secret?.name),
    ...variables.map((variable) => variable.valueFrom?.secretKeyRef?.name),
    ...sources.map((source) => source.secretRef?.name),
    ...(spec?.imagePullSecrets ?? []).map((secret) => secret.name),
    ...(account?.imagePullSecrets ?? []).map((secret) => secret.name),
  ];
  const named = (kind: string, names: (string | undefined)[]) =>
    names.flatMap((name) => (name === undefined ? [] : [`${kind} ${namespace}/${name}`]));
  return [...new Set([...named("ConfigMap", configMaps), ...named("Secret", secrets)])].sort();
}
