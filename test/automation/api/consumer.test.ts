import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { execa } from "execa";

/*
 * The package from outside: packed by npm, unpacked into a project of its own, and used there by
 * TypeScript and JavaScript. Nothing is installed: its dependencies are those of this checkout. That it
 * moves a stack is for test/engine/api.test.ts.
 */

const checkout = resolve(__dirname, "../../..");

const typescript = `
import { migrate, MoveFailedError, NotWrittenError, openStack, permitted, rollback, trust } from "kube2iam-to-kiam";
import type { MigrationStack } from "kube2iam-to-kiam";

async function moved(stack: MigrationStack): Promise<number> {
  const move = migrate(stack, { to: "cutover", approve: ({ plan }) => plan.waiting.length === 0 });
  for await (const event of move) if (event.type === "workers") console.log(event.done + event.of);
  try {
    await rollback(stack, { all: true, approve: true });
  } catch (error) {
    if (error instanceof MoveFailedError) console.log(error.at, error.next.join());
  }
  return (await move).moves[0].milliseconds;
}

export async function granted(): Promise<boolean> {
  const stack = await openStack({ stack: "x", create: { secretsProvider: "awskms://alias/x" } });
  await permitted(stack, { approve: ({ proposals }) => proposals.every((each) => each.roles.length < 9) });
  try {
    const { done, roles } = await trust(stack, { approve: true });
    return done && roles.length > 0;
  } catch (error) {
    if (error instanceof NotWrittenError) console.log(error.failed.map(({ what }) => what).join());
    return false;
  }
}

export async function wrong(stack: MigrationStack): Promise<void> {
  // @ts-expect-error: no such stage
  await migrate(stack, { to: "cutovre", approve: true });
  // @ts-expect-error: it has to be approved
  await migrate(stack, { to: "cutover" });
  // @ts-expect-error: there is no plan whose id could be approved
  await trust(stack, { approve: "0123456789ab" });
  // @ts-expect-error: where to?
  await rollback(stack, { approve: true });
  // @ts-expect-error: a setting that there is not
  await openStack({ stack: "x", settings: { workers: { group: ["spot"] } } });
}

openStack({ stack: "x", directory: "nowhere" }).then(moved, (error: Error) => console.log(error.name));
`;

const program = `
import { Provider } from "@pulumi/kubernetes";
import { ClusterMigration, decide } from "kube2iam-to-kiam/components";

export async function declared(): Promise<ClusterMigration> {
  const { settings, plan } = await decide({ stage: "prepare", kiam: { region: "eu-west-1" } });
  return new ClusterMigration("migration", { settings, plan }, { providers: [new Provider("cluster")] });
}
`;

const javascript = `
const namesOf = (entry) => Object.keys(entry).filter((name) => name !== "default").sort().join(" ");
async function main() {
  for (const name of ["kube2iam-to-kiam", "kube2iam-to-kiam/components"]) {
    console.log(namesOf(require(name)));
    console.log(namesOf(await import(name)));
  }
}
void main();
`;

describe("the package from outside", function () {
  this.timeout(240_000);
  let project: string;

  before("pack it, and unpack it into a project", async () => {
    project = mkdtempSync(join(tmpdir(), "kiam-consumer-"));
    const modules = join(project, "node_modules");
    const own = join(modules, "kube2iam-to-kiam");
    mkdirSync(own, { recursive: true });
    await execa("npm", ["pack", "--silent", "--pack-destination", project], { cwd: checkout });
    const packed = readdirSync(project).find((name) => name.endsWith(".tgz")) ?? assert.fail();
    await execa("tar", ["-xzf", packed, "--strip-components=1", "-C", own], { cwd: project });
    for (const name of readdirSync(join(checkout, "node_modules"))) {
      if (!name.startsWith(".")) {
        symlinkSync(join(checkout, "node_modules", name), join(modules, name));
      }
    }
    const options = { module: "nodenext", target: "es2022", strict: true, skipLibCheck: true };
    const files: Record<string, string> = {
      "tsconfig.json": JSON.stringify({ compilerOptions: { ...options, types: ["node"] } }),
      "script.ts": typescript,
      "program.ts": program,
      "script.cjs": javascript,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text);
    for (const name of readdirSync(join(checkout, "examples"))) {
      if (name.endsWith(".mts"))
        copyFileSync(join(checkout, "examples", name), join(project, name));
    }
  });

  after(() => rmSync(project, { recursive: true, force: true }));

  const node = (script: string) => execa(process.execPath, [script], { cwd: project });

  it("has declarations by which scripts, the examples and a Pulumi program are checked", async () => {
    const compiler = join(checkout, "node_modules/typescript/bin/tsc");
    const { stdout } = await execa(process.execPath, [compiler, "--noEmit"], {
      cwd: project,
      reject: false,
    });
    assert.equal(stdout, "");
  });

  it("runs from TypeScript", async () => {
    const { stdout } = await node("script.ts");
    assert.equal(stdout, "ContactError");
  });

  it("gives JavaScript the same names by require and by import", async () => {
    const [required, imported, components, importedComponents] = (
      await node("script.cjs")
    ).stdout.split("\n");
    assert.match(
      required ?? "",
      /^BlockedError .*\bmigrate openStack permitted plan recover\b.*\btrust$/,
    );
    assert.equal(imported, required);
    assert.match(components ?? "", /\bClusterMigration\b.*\bprogram stackConfiguration$/);
    assert.equal(importedComponents, components);
  });
});
