import { stringify } from "yaml";
import type { KeyPair } from "./pki.js";
import { API_URL } from "./topology.js";

/** A kubeconfig with everything inside, so that it can be copied anywhere. */
export function kubeconfig(user: string, ca: string, pair: KeyPair): string {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      { name: "lab", cluster: { server: API_URL, "certificate-authority-data": encode(ca) } },
    ],
    users: [
      {
        name: user,
        user: {
          "client-certificate-data": encode(pair.certificate),
          "client-key-data": encode(pair.key),
        },
      },
    ],
    contexts: [{ name: "lab", context: { cluster: "lab", user } }],
    "current-context": "lab",
  });
}
