/*
 * Says so where Node.js is older than package.json asks for, before anything fails for it. An old one
 * has to understand this file.
 */
const process = require("node:process");

const { engines } = require("../package.json");
const wanted = engines.node.replace(">=", "");
const numbers = (version) => version.split(".").map(Number);

function isOlder([major, minor], [wantedMajor, wantedMinor]) {
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}

if (isOlder(numbers(process.version.slice(1)), numbers(wanted))) {
  process.stderr.write(
    `This Node.js is too old: ${process.version} [node-too-old]\n` +
      `  where: ${process.execPath}\n` +
      `  why it matters: kube2iam-to-kiam needs ${wanted} or newer; nothing was touched\n` +
      "  what to do: npm ci, which brings one along, then npx kiam-migrate …; or install a newer Node.js (https://nodejs.org)\n",
  );
  process.exit(3);
}
