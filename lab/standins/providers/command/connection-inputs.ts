/** Defaults and rules of a remote command's `connection`. */
import type { CheckFailure } from "../plugin/provider.js";
import { isMap, reveal, Secret, UNKNOWN, type PropertyMap, type Value } from "../plugin/values.js";

const DEFAULTS: PropertyMap = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };
const SECRETS = ["password", "privateKey", "privateKeyPassword"];

/** The connection with defaults filled in, as a secret, and what is wrong with it. */
export function checkConnection(given: Value | undefined): {
  connection: Value;
  failures: CheckFailure[];
} {
  const value = given instanceof Secret ? given.value : given;
  if (value === UNKNOWN) {
    return { connection: new Secret(UNKNOWN), failures: [] };
  }
  if (!isMap(value)) {
    const reason = "Missing required property 'connection'";
    return { connection: null, failures: [{ property: "connection", reason }] };
  }
  const failures = requireHost(value, "connection");
  const connection = withDefaults(value);
  const proxy = value.proxy instanceof Secret ? value.proxy.value : value.proxy;
  if (isMap(proxy)) {
    connection.proxy = withDefaults(proxy);
    failures.push(...requireHost(proxy, "connection.proxy"));
  }
  return { connection: new Secret(connection), failures };
}

function withDefaults(connection: PropertyMap): PropertyMap {
  const result = { ...DEFAULTS };
  for (const [key, value] of Object.entries(connection)) {
    if (value !== undefined && value !== null) {
      result[key] = SECRETS.includes(key) && !(value instanceof Secret) ? new Secret(value) : value;
    }
  }
  return result;
}

function requireHost(connection: PropertyMap, at: string): CheckFailure[] {
  return connection.host === undefined || connection.host === null
    ? [{ property: `${at}.host`, reason: "Missing required property 'host'" }]
    : [];
}

/** The connection as plain data, for the runner. */
export function connectionOf(inputs: PropertyMap): PropertyMap {
  const connection = reveal(inputs.connection ?? null);
  if (!isMap(connection)) {
    throw new Error("connection: missing; the remote host to connect to has to be given.");
  }
  return connection;
}
