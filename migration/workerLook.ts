/** What a worker shows over SSH, looked at with the login that the cutover will use. */
export type WorkerLook =
  | {
      /** Names of its network interfaces. */
      interfaces: string[];
      /** TCP ports listened on, with the program where it can be told. */
      listening: { port: number; program: string | undefined }[];
      /** Its nat/PREROUTING rules as `iptables -S` lists them, by backend that has any. */
      natRules: { backend: "nft" | "legacy"; rules: string[] }[];
      /** Names of servers whose kiam port did not answer at all (not even with a refusal). */
      serversBlocked: string[];
    }
  | {
      /** What failed: the connection, the host key, the login, sudo, or iptables. */
      failed: "connect" | "host-key" | "login" | "sudo" | "iptables";
      message: string;
    };
