import type { Settings } from "./schema.js";
import type { SettingsProblem } from "./together.js";

/*
 * What the stacks of this repository (stacks/) are filled in with, so that their form can be seen. No
 * cluster has such roles or accounts: AWS keeps these accounts for its documentation, and example.com
 * is kept for that as well.
 */

const exampleRole = /^(masters|nodes)\.(staging|production)\.example\.com$/;
const exampleAccount = /\b(111122223333|444455556666)\b/;

/** Settings that still have the example's value. In the cluster each would look like a mistake there. */
export function examplesLeft({ iam, namespaces }: Partial<Settings>): SettingsProblem[] {
  const roles = (["masterRoleName", "workerRoleName"] as const).flatMap((name) => {
    const value = iam?.[name];
    if (value === undefined || !exampleRole.test(value)) return [];
    const property = `iam.${name}`;
    const rule = `is the example's: set your own by pulumi config set --path ${property} ROLE`;
    return [{ property, value, rule }];
  });
  const permitted = Object.entries(namespaces ?? {}).flatMap(([namespace, { permitted: value }]) =>
    exampleAccount.test(value)
      ? [
          {
            property: `namespaces.${namespace}.permitted`,
            value,
            rule: "is the example's: remove the example's namespaces; kiam-migrate permitted proposes yours",
          },
        ]
      : [],
  );
  return [...roles, ...permitted];
}
