/**
 * The text of each verb, as worker/rules/assemble.ts puts it together: whole, no more than that verb
 * needs, and without comments the same program. Runs nothing on a worker; needs no root.
 *
 * Not proven here: what the texts do (the tests beside this one, and below, run them).
 */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { execaSync } from "execa";
import { assemble, partsOf, ruleVerbs, withoutComments } from "../../../worker/rules/assemble.js";
import { ruleScript } from "../../../worker/rules/script.js";
import { needsCommands } from "../../support/requirements.js";
import { functionsOf } from "./scriptFunctions.js";
import { shells } from "../worker.js";

/** Bodies of the functions, by name; `""` has what is outside of them. */
function bodies(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const rest = withoutComments(text).replace(
    /^([a-z0-9_]+)\(\) \{(?: (.*)\}|\n([^]*?)\n\})$/gm,
    (_whole, name: string, line?: string, lines?: string) => {
      assert.equal(found.has(name), false, `${name} is there twice`);
      found.set(name, line ?? lines ?? "");
      return "";
    },
  );
  return found.set("", rest);
}

const everyFunction = new Set(
  ruleVerbs.flatMap((verb) => [...bodies(assemble(partsOf(verb))).keys()].filter(Boolean)),
);

/** Functions of any part that stand where a shell takes a word for a command. */
function callsIn(body: string): string[] {
  const command =
    /(?:^|[;|&({!)])[ "]*(?:(?:then|do|else|if|elif|while|until|!|\{) +)*([a-z0-9_]+)(?=[\s;)|&"]|$)/gm;
  const words = [...body.matchAll(command)].map(([, word = ""]) => word);
  return words.filter((word) => everyFunction.has(word));
}

const constantsIn = (text: string) =>
  [...text.matchAll(/\$\{?([A-Z][A-Z_]+)\b/g)].map(([, name = ""]) => name);

/** What a text uses and does not have. */
function lacking(text: string): string[] {
  const functions = bodies(text);
  const calls = [...functions.values()].flatMap(callsIn).filter((name) => !functions.has(name));
  const constants = constantsIn(withoutComments(text)).filter(
    (name) => name !== "PATH" && !new RegExp(`(?:^| )${name}=`, "m").test(text),
  );
  return [...new Set([...calls, ...constants])];
}

/** What bash has after reading a text: its functions as it prints them, and its variables. */
function inBash(text: string): string {
  const seen = "\nunset BASH_EXECUTION_STRING LINENO\ndeclare -f\nset -o posix\nset\n";
  const { stdout } = execaSync("bash", ["--norc", "-s"], {
    input: functionsOf(text).replace(/$/, seen),
    env: { PATH: process.env.PATH },
    extendEnv: false,
  });
  return stdout.replace(/^(_|LINENO|PPID|BASHPID|BASH_LINENO|RANDOM|SECONDS|EPOCH\w+)=.*\n/gm, "");
}

describe("node script, put together for a verb", () => {
  for (const verb of ruleVerbs) {
    describe(verb, () => {
      const full = assemble(partsOf(verb));

      it("has every function and constant that it uses", () => {
        assert.deepEqual(lacking(full), []);
      });

      it("has no part that it could do without", () => {
        for (const part of partsOf(verb)) {
          const others = assemble(partsOf(verb).filter((each) => each !== part));
          assert.notDeepEqual(lacking(`${others}\nmain\nact\n`), [], part);
        }
      });

      it("has no function that is never called", () => {
        const functions = bodies(full);
        const reached = new Set<string>([""]);
        // A Set goes on to what is added while it is walked.
        for (const name of reached) {
          for (const called of callsIn(functions.get(name) ?? "")) reached.add(called);
        }
        assert.deepEqual(
          [...functions.keys()].filter((name) => !reached.has(name)),
          [],
        );
      });

      it("is the same program without its comments", function () {
        needsCommands(this, ["bash"]);
        const text = ruleScript(verb);
        assert.equal(inBash(text), inBash(full));
        assert.ok(inBash(text).includes("in_force ()"), "bash printed no functions");
        assert.ok(text.endsWith('\n{\n  main "$@" </dev/null\n  exit\n}\n'), text.slice(-50));
      });

      it("is read by every shell", function () {
        needsCommands(this, ["dash", "bash", "busybox"]);
        for (const [command, ...rest] of shells) {
          execaSync(command, [...rest, "-n"], { input: ruleScript(verb) });
        }
      });
    });
  }

  it("shows it where leaving out comments changes the program", function () {
    needsCommands(this, ["bash"]);
    const end = `\n{\n  main "$@"\n}\n`;
    for (const text of [
      "a() { echo 'x\n# y\nz'; }",
      "a() {\n  echo x \\\n  # y\n  echo z\n}",
      "b='\n\n'",
    ]) {
      const full = `#!/bin/sh\n${text}${end}`;
      assert.notEqual(inBash(withoutComments(full)), inBash(full), text);
    }
  });

  it("uses every part that there is", () => {
    const used = new Set(ruleVerbs.flatMap(partsOf));
    const folder = join(__dirname, "../../../worker/rules");
    const there = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".sh"))
      .map((file) => file.slice(0, -3));
    assert.deepEqual(there.sort(), [...used].sort());
  });
});
