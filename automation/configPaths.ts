import type { ConfigMap } from "@pulumi/pulumi/automation";

/**
 * Nested settings as the paths that `pulumi config set --path` takes:
 * `{ ssh: { hostKeys: { "worker-1": "…" } } }` → `ssh.hostKeys["worker-1"]`.
 */
export function configPaths(settings: object, isSecret: (path: string) => boolean): ConfigMap {
  const config: ConfigMap = {};
  const visit = (value: unknown, path: string, plain: string): void => {
    if (value === undefined) return;
    if (typeof value === "object" && value !== null) {
      for (const [key, inner] of Object.entries(value)) {
        const step = Array.isArray(value) ? `[${key}]` : `["${key}"]`;
        visit(inner, path === "" ? key : path + step, plain === "" ? key : `${plain}.${key}`);
      }
      return;
    }
    const text = typeof value === "string" ? value : JSON.stringify(value);
    config[path] = { value: text, secret: isSecret(plain) };
  };
  visit(settings, "", "");
  return config;
}
