/**
 * Stand-in for the `kubernetes` provider, for machines that cannot download the official plugin.
 * It manages objects of any kind, and patches of them, by server-side apply, and waits for them as
 * the official one does. Helm, Kustomize and YAML rendering are not there.
 */
import type { Provider } from "../plugin/provider.js";
import { packageVersion } from "../../launch/package-version.js";
import { serve } from "../plugin/serve.js";
import { isKindToken } from "./kinds.js";
import { KubernetesResource } from "./resource.js";
import { readSettings, type Settings } from "./settings.js";

let settings: Settings | undefined;
const resource = new KubernetesResource(() => {
  if (!settings) {
    throw new Error("The provider has not been configured.");
  }
  return settings;
});

const provider: Provider = {
  name: "kubernetes",
  version: packageVersion("@pulumi/kubernetes"),
  configure: async (config) => {
    settings = await readSettings(config);
  },
  resource: (type) => (isKindToken(type) ? resource : undefined),
  invoke: () => undefined,
};

void serve(provider);
