/** Names of kiam's objects; `kiam-server` is also the name in its certificate. */
export const kiamNames = {
  server: "kiam-server",
  agent: "kiam-agent",
  serverSecret: "kiam-server-tls",
  agentSecret: "kiam-agent-tls",
  startupTaint: "kiam-startup-taint",
} as const;

export const serverLabels = {
  "app.kubernetes.io/name": "kiam",
  "app.kubernetes.io/component": "server",
} as const;

export const agentLabels = {
  "app.kubernetes.io/name": "kiam",
  "app.kubernetes.io/component": "agent",
} as const;

export const startupTaintLabels = {
  "app.kubernetes.io/name": "kiam",
  "app.kubernetes.io/component": "startup-taint",
} as const;
