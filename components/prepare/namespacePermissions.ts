import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import { permittedAnnotation } from "../../migration/kiam/permitted.js";
import type { Settings } from "../../migration/settings/schema.js";

export interface NamespacePermissionsArgs {
  namespaces: Settings["namespaces"];
}

/**
 * `iam.amazonaws.com/permitted` on namespaces: without it kiam gives their pods no role.
 * The namespaces are patched, never owned; taking this away takes only the annotation along.
 */
export class NamespacePermissions extends pulumi.ComponentResource {
  constructor(
    name: string,
    args: NamespacePermissionsArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super("kube2iam-to-kiam:index:NamespacePermissions", name, {}, opts);
    for (const [namespace, { permitted, force }] of Object.entries(args.namespaces)) {
      new k8s.core.v1.NamespacePatch(
        `${name}-${namespace}`,
        {
          metadata: {
            name: namespace,
            annotations: {
              [permittedAnnotation]: permitted,
              ...(force ? { "pulumi.com/patchForce": "true" } : {}),
            },
          },
        },
        { parent: this },
      );
    }
    this.registerOutputs({});
  }
}
