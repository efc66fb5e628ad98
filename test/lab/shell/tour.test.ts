import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { silentProgress } from "../../../automation/progress.js";
import { kiamMigrate } from "../../../cli/main.js";
import { CHECKOUT } from "../../../lab/paths.js";
import { describeTour, tour } from "../../../lab/shell/tour.js";
import { tourPage } from "../../../lab/shell/tourPage.js";

/*
 * The tour of the lab's shell as text: the list that the shell prints, and the page. That its commands
 * work in the shell is for test/embedded/shell.test.ts, and for `npm run docs:tour`, which takes it.
 */

const typed = tour.map(({ command }) => command);

async function helpOf(subcommand: string): Promise<string> {
  let help = "";
  const answer = (text: string) => void (help += text);
  assert.equal(await kiamMigrate([subcommand, "--help"], { answer, progress: silentProgress }), 0);
  return help;
}

describe("the tour of the lab", () => {
  it("is ten commands, all of them in the list that the shell prints", () => {
    assert.equal(tour.length, 10);
    const printed = describeTour();
    assert.deepEqual(
      typed.filter((command) => !printed.includes(command)),
      [],
    );
  });

  it("is what docs/tour.md shows, in the same order", () => {
    const page = readFileSync(join(CHECKOUT, "docs", "tour.md"), "utf8");
    const shown = [...page.matchAll(/^\$ (.*)$/gm)].map(([, command]) => command);
    assert.deepEqual(shown, typed);
  });

  it("has subcommands and options of kiam-migrate that there are", async () => {
    const words = typed.map((command) => command.split(" "));
    const own = words.filter(([program]) => program === "kiam-migrate");
    assert.ok(own.length >= 4);
    for (const [, subcommand = "", ...rest] of own) {
      const help = await helpOf(subcommand);
      const unknown = rest.filter((word) => word.startsWith("--") && !help.includes(word));
      assert.deepEqual(unknown, [], subcommand);
    }
  });

  it("is written with what each command printed, long outputs shortened, and a status that is not 0", () => {
    const long = Array.from({ length: 100 }, (_, line) => `line ${line} `).join("\n");
    const printed = tour.map((_, index) => ({
      text: index === 0 ? long : `@ updating....\nlooking ... 16 s\noutput ${index}\n\n`,
      exitCode: index === 1 ? 3 : 0,
    }));
    const page = tourPage(printed);
    assert.match(page, /line 39\n…\nline 75\n/);
    assert.ok(
      page.includes(`It exits with status 3.\n\n\`\`\`\n$ ${typed[1]}\noutput 1\n\`\`\`\n`),
    );
    assert.equal(page.match(/exits with status/g)?.length, 1);
    assert.throws(() => tourPage(printed.slice(1)), /9 of 10 commands/);
  });
});
