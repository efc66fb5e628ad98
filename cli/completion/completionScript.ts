import type { Command, Option } from "commander";

/*
 * Completion of the command line for bash and zsh, made of the commands themselves. commander has no
 * completion of its own, and no companion that is kept.
 */

export const shells = ["bash", "zsh"] as const;
export type Shell = (typeof shells)[number];

/** What may stand at a place of the command line. */
type Words = { words: readonly string[] } | { kind: "stacks" | "directories" };

/** A place: the pattern of a `case` on "<command> <word before>", and what may stand there. */
interface Place {
  pattern: string;
  may: Words;
}

export function completionScript(program: Command, shell: Shell): string {
  const name = program.name();
  const commands = program.commands.map((command) => command.name());
  const places = placesOf(program);
  return shell === "bash" ? inBash(name, commands, places) : inZsh(name, commands, places);
}

/** Most particular first: the first pattern that fits counts. */
function placesOf(program: Command): Place[] {
  const values = program.commands.flatMap((command) =>
    command.options.flatMap((option) => {
      const may = valuesOf(option);
      return may === undefined ? [] : [{ pattern: `"${command.name()} ${option.long}"`, may }];
    }),
  );
  const options = program.commands.map((command) => ({
    pattern: `"${command.name()} "*`,
    may: {
      words: [
        ...command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices),
        ...command.options.flatMap(({ long }) => (long === undefined ? [] : [long])),
        "--help",
      ],
    },
  }));
  const first = {
    pattern: "*",
    may: { words: [...program.commands.map((command) => command.name()), "--help"] },
  };
  return [...values, ...options, first];
}

/** Undefined for an option that takes no value. */
function valuesOf({ long, required, flags, argChoices }: Option): Words | undefined {
  if (!required) return undefined;
  if (argChoices !== undefined) return { words: argChoices };
  if (long === "--stack") return { kind: "stacks" };
  return flags.endsWith("<directory>") ? { kind: "directories" } : { words: [] };
}

function inBash(name: string, commands: readonly string[], places: readonly Place[]): string {
  const act = (may: Words) =>
    "words" in may
      ? `words="${may.words.join(" ")}"`
      : may.kind === "stacks"
        ? "words=$(_kiam_migrate_stacks)"
        : 'mapfile -t COMPREPLY < <(compgen -d -- "$current"); return';
  return `# Completion of ${name} for bash. In ~/.bashrc: source <(${name} completion bash)
_kiam_migrate_stacks() {
  local file
  for file in stacks/Pulumi.*.yaml Pulumi.*.yaml; do
    [[ -e $file ]] || continue
    file=\${file##*Pulumi.}
    printf '%s\\n' "\${file%.yaml}"
  done
}
_kiam_migrate() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD - 1]}
  local command="" words="" each
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD - 1}"; do
    case $each in ${commands.join(" | ")}) command=$each && break ;; esac
  done
  case "$command $before" in
${places.map(({ pattern, may }) => `    ${pattern}) ${act(may)} ;;`).join("\n")}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _kiam_migrate ${name}
`;
}

function inZsh(name: string, commands: readonly string[], places: readonly Place[]): string {
  const act = (may: Words) =>
    "words" in may
      ? `compadd -- ${may.words.join(" ")}`
      : may.kind === "stacks"
        ? 'compadd -- ${(f)"$(_kiam_migrate_stacks)"}'
        : "_files -/";
  return `# Completion of ${name} for zsh. In ~/.zshrc, after compinit: source <(${name} completion zsh)
_kiam_migrate_stacks() {
  local file
  for file in stacks/Pulumi.*.yaml(N) Pulumi.*.yaml(N); do
    file=\${file##*Pulumi.}
    print -r -- "\${file%.yaml}"
  done
}
_kiam_migrate() {
  local before=\${words[CURRENT-1]} command="" each
  for each in "\${(@)words[2,CURRENT-1]}"; do
    case $each in (${commands.join("|")}) command=$each; break ;; esac
  done
  case "$command $before" in
${places.map(({ pattern, may }) => `    (${pattern}) ${act(may)} ;;`).join("\n")}
  esac
}
compdef _kiam_migrate ${name}
`;
}
