import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

import type { Settings } from "../../migration/settings/schema.js";
import { answerOf, gate, type ToolLocation } from "../gate.js";
import { kiamNames } from "../../migration/kiam/names.js";

export interface KiamTlsArgs extends ToolLocation {
  kiam: Settings["kiam"];
}

/** Names the agents and the health check dial the server by; the one with the port is official advice. */
const serverCertificateNames = [kiamNames.server, `${kiamNames.server}:443`, "localhost"];

const serverCertificateAddresses = ["127.0.0.1"];

/**
 * Certificates for mutual TLS between kiam's agents and servers, in Secrets of type
 * kubernetes.io/tls with a ca.crt. Three ways: issued once by this program and kept as secrets
 * in the stack's state, Secrets that exist, or cert-manager.
 */
export class KiamTls extends pulumi.ComponentResource {
  readonly serverSecretName: pulumi.Output<string>;
  readonly agentSecretName: pulumi.Output<string>;

  constructor(name: string, args: KiamTlsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("kube2iam-to-kiam:index:KiamTls", name, {}, opts);
    const { tls, namespace } = args.kiam;
    switch (tls.mode) {
      case "secrets":
        this.serverSecretName = pulumi.output(tls.serverSecret);
        this.agentSecretName = pulumi.output(tls.agentSecret);
        break;
      case "issued": {
        const issued = answerOf(
          gate(
            name,
            {
              verb: "issue-certificates",
              input: {
                serverNames: serverCertificateNames,
                ipAddresses: serverCertificateAddresses,
                validityDays: tls.validityDays,
              },
              secret: true,
              toolDirectory: args.toolDirectory,
            },
            // Once: new certificates under running agents and servers would cut them off from each
            // other until all have read them. `pulumi up --replace` with this resource renews them.
            { parent: this, ignoreChanges: ["create", "stdin", "dir"] },
          ),
        );
        const secret = (end: "server" | "agent", secretName: string) =>
          new k8s.core.v1.Secret(
            `${name}-${end}`,
            {
              metadata: { name: secretName, namespace },
              type: "kubernetes.io/tls",
              stringData: {
                "ca.crt": issued.ca,
                "tls.crt": issued[end].certificate,
                "tls.key": issued[end].privateKey,
              },
            },
            { parent: this },
          ).metadata.name;
        this.serverSecretName = secret("server", kiamNames.serverSecret);
        this.agentSecretName = secret("agent", kiamNames.agentSecret);
        break;
      }
      case "cert-manager": {
        const certificate = (end: "server" | "agent", secretName: string, spec: object) =>
          pulumi
            .output(
              new k8s.apiextensions.CustomResource(
                `${name}-${end}`,
                {
                  apiVersion: "cert-manager.io/v1",
                  kind: "Certificate",
                  metadata: { name: secretName, namespace },
                  spec: { secretName, issuerRef: tls.issuer, ...spec },
                },
                { parent: this },
              ).id,
            )
            .apply(() => secretName);
        this.serverSecretName = certificate("server", kiamNames.serverSecret, {
          commonName: kiamNames.server,
          dnsNames: serverCertificateNames,
          ipAddresses: serverCertificateAddresses,
          usages: ["server auth", "client auth"],
        });
        this.agentSecretName = certificate("agent", kiamNames.agentSecret, {
          commonName: kiamNames.agent,
          usages: ["client auth"],
        });
        break;
      }
    }
    this.registerOutputs({
      serverSecretName: this.serverSecretName,
      agentSecretName: this.agentSecretName,
    });
  }
}
