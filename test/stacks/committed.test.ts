import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { execa } from "execa";
import { parse } from "yaml";

import { projectName, settingsOf } from "../../automation/stack/stackConfig.js";
import { parseSettings, SettingsError } from "../../migration/settings/parse.js";
import { secretSettings } from "../../migration/settings/schema.js";
import { requireEngine } from "../engine/engine.js";

/*
 * The stacks that this repository hands to everybody. What belongs to one person (a salt, a key, a
 * secret) would lock everyone else out. Does not prove that the settings fit any cluster.
 */

const checkout = resolve(__dirname, "../..");
const stacks = readdirSync(join(checkout, "stacks"))
  // .gitignore leaves out those of a lab.
  .filter((name) => /^Pulumi\..*\.yaml$/.test(name) && !name.startsWith("Pulumi.lab"))
  .map((name) => /^Pulumi\.(.*)\.yaml$/.exec(name)?.[1] ?? "");

function read(stack: string): string {
  return readFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), "utf8");
}

/** What in a stack's file is one person's, each with its path; none where everybody can use it. */
function personal(text: string): string[] {
  const found: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === "string" && /-----BEGIN |\bAKIA[0-9A-Z]{16}\b/.test(value)) {
      found.push(`${path} holds a key`);
    }
    if (secretSettings.test(path)) found.push(`${path} is a secret`);
    if (typeof value !== "object" || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      if (key === "secure") found.push(`${path} is encrypted for its author`);
      look(inner, path === "" ? key : `${path}.${key}`);
    }
  };
  const file = parse(text) as Record<string, unknown>;
  for (const key of Object.keys(file)) {
    if (key !== "config") found.push(`${key} belongs to its author's stack`);
  }
  look(file.config, "");
  return found;
}

describe("the stacks of this repository", () => {
  it("are there", () => assert.deepEqual(stacks, ["production", "staging"]));

  for (const stack of stacks) {
    it(`${stack} holds nothing that is one person's`, () => {
      assert.deepEqual(personal(read(stack)), []);
    });
  }

  it("are refused as they are: every value of an example is named, and no other", () => {
    for (const stack of stacks) {
      const { config } = parse(read(stack)) as { config: Record<string, unknown> };
      const raw = settingsOf(projectName, config);
      assert.throws(
        () => parseSettings(raw),
        (error) => {
          assert.ok(error instanceof SettingsError);
          assert.deepEqual(
            error.problems.map(({ property }) => property),
            [
              "iam.masterRoleName",
              "iam.workerRoleName",
              "namespaces.orders.permitted",
              "namespaces.payments.permitted",
            ],
          );
          for (const { rule } of error.problems) assert.match(rule, /^is the example's: /);
          return true;
        },
      );
    }
  });

  it("would be found out, whatever they held", () => {
    const file = [
      "encryptionsalt: v1:hi+0FgdSw4U=:v1:92bmojfoMweX5jgh:fxVbYGkbgnHmC/bMS+rstkeFnKoxZA==",
      "secretsprovider: awskms://alias/mine",
      "config:",
      "  p:ssh:",
      "    privateKey: x",
      "  p:other: {secure: AAAB}",
      "  p:pem: |",
      "    -----BEGIN OPENSSH PRIVATE KEY-----",
    ];
    assert.deepEqual(personal(file.join("\n")), [
      "encryptionsalt belongs to its author's stack",
      "secretsprovider belongs to its author's stack",
      "p:ssh.privateKey is a secret",
      "p:other is encrypted for its author",
      "p:pem holds a key",
    ]);
  });

  describe("with the engine", function () {
    this.timeout(120_000);
    let directory: string;
    let engine: string;

    before(async function () {
      engine = requireEngine(this);
      directory = await mkdtemp(join(tmpdir(), "kiam-stacks-"));
      await cp(join(checkout, "Pulumi.yaml"), join(directory, "Pulumi.yaml"));
      await cp(join(checkout, "stacks"), join(directory, "stacks"), { recursive: true });
    });

    after(async () => {
      if (directory) await rm(directory, { recursive: true });
    });

    for (const stack of stacks) {
      it(`${stack} is begun with a passphrase of one's own, as the README says`, async () => {
        await execa(join(engine, "bin", "pulumi"), ["stack", "init", stack], {
          cwd: directory,
          env: {
            PULUMI_BACKEND_URL: `file://${directory}`,
            PULUMI_HOME: join(directory, "home"),
            PULUMI_CONFIG_PASSPHRASE: "somebody's own",
            PULUMI_SKIP_UPDATE_CHECK: "true",
          },
        });
      });
    }
  });
});
