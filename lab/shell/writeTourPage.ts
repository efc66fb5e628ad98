/* `npm run docs:tour`: takes the tour in a lab, as a person does, and writes docs/tour.md. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { execa } from "execa";

import { quote } from "../../worker/shellWords.js";
import { messageOf } from "../../migration/text/text.js";
import { CHECKOUT, labDirectory, TYPESCRIPT } from "../paths.js";
import { tour } from "./tour.js";
import { tourPage, type Printed } from "./tourPage.js";

async function main(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "kiam-tour-"));
  try {
    const { exitCode } = await execa(
      process.execPath,
      [...TYPESCRIPT, join(CHECKOUT, "lab", "start.ts"), "--shell"],
      {
        cwd: CHECKOUT,
        input: script(directory),
        stdout: "inherit",
        stderr: "inherit",
        reject: false,
      },
    );
    if (exitCode !== 0) throw new Error("the lab did not end well: docs/tour.md stays as it was");
    const page = tourPage(await Promise.all(tour.map((_, index) => printed(directory, index))));
    await writeFile(join(CHECKOUT, "docs", "tour.md"), page);
    return 0;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The tour for a shell without a terminal, and where each command's output and status go. */
function script(directory: string): string {
  return tour
    .map(({ command }, index) => {
      const file = quote(join(directory, String(index)));
      return `echo ${quote(`$ ${command}`)}\n${command} </dev/null >${file} 2>&1\necho $? >${file}.status\n`;
    })
    .concat("true\n")
    .join("");
}

async function printed(directory: string, index: number): Promise<Printed> {
  const file = join(directory, String(index));
  const text = await readFile(file, "utf8");
  return {
    text: text.replaceAll(labDirectory(), "/var/lib/lab").replaceAll(CHECKOUT, "/kube2iam-to-kiam"),
    exitCode: Number(await readFile(`${file}.status`, "utf8")),
  };
}

main().then(
  (status) => process.exit(status),
  (error: unknown) => {
    console.error(messageOf(error));
    process.exit(1);
  },
);
