/*
 * The order of the rooms (docs/architecture.md): a room imports what stands before it, never what
 * stands after it. `npm run lint` checks it.
 */
const rooms = [
  "migration",
  "worker",
  "cluster",
  "gates",
  "components",
  "automation",
  "cli",
  "lab",
  "bench",
  "test",
];

/** Packages that only decide. Everything else reads, writes or asks the time. */
const pure = ["diff", "re2js", "yaml", "zod"];
/** Of Node, what only computes: a digest, whether a text is an IP address. */
const pureOfNode = ["crypto", "net"];

module.exports = {
  forbidden: [
    {
      name: "one-way",
      comment: "No file imports itself by way of others.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    ...rooms.slice(0, -1).map((room, index) => ({
      name: `${room}-imports-what-stands-before`,
      severity: "error",
      from: { path: `^${room}/` },
      to: { path: `^(${rooms.slice(index + 1).join("|")})/` },
    })),
    {
      name: "the-program-imports-no-lab",
      comment: "What an operator runs has no part of the lab or of the tests in it.",
      severity: "error",
      from: { path: "^(index\\.ts|bin/)" },
      to: { path: "^(lab|bench|test)/" },
    },
    {
      name: "migration-only-decides",
      comment: "No I/O, no Pulumi, no clock in migration/: types alone may come from there.",
      severity: "error",
      from: { path: "^migration/" },
      to: {
        pathNot: [
          "^migration/",
          `^(node:)?(${pureOfNode.join("|")})$`,
          `^node_modules/(${pure.join("|")})/`,
        ],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "resolves",
      comment: "What is imported is there.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^tsx/cjs$" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { conditionNames: ["import", "require", "node", "default", "types"] },
  },
};
