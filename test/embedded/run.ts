/*
 * `npm run test:cluster [-- --shard 1/2]`: the tests that boot a cluster of their own, file by
 * file. A shard has a lab of its own, so that all shards can run at once. What is not about shards
 * is mocha's.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { execa } from "execa";

import { CHECKOUT, labDirectory } from "../../lab/paths.js";
import { shardDirectory, shareOf, takeShard } from "../support/shard.js";

/** What each file took when it was last measured, two shards side by side, in seconds. */
const durations = JSON.parse(readFileSync(join(__dirname, "durations.json"), "utf8")) as Record<
  string,
  number
>;

async function main(words: string[]): Promise<number> {
  const { shard, rest } = takeShard(words);
  const files = readdirSync(__dirname).filter((name) => name.endsWith(".test.ts"));
  const mine = shareOf(files, (name) => durations[name], shard);
  const { exitCode } = await execa(
    process.execPath,
    [
      require.resolve("mocha/bin/mocha.js"),
      ...["--fail-zero", "--require", "test/support/setup.ts"],
      ...["--reporter", "test/support/reporter.ts"],
      ...rest,
      ...mine.map((name) => join("test/embedded", name)),
    ],
    {
      cwd: CHECKOUT,
      stdio: "inherit",
      reject: false,
      env: { KIAM_LAB_DIR: shardDirectory(labDirectory(), "cluster", shard) },
    },
  );
  return exitCode ?? 1;
}

void main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
