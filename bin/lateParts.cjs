/*
 * Has Node load what Pulumi's SDK takes functions apart with (the TypeScript compiler, npm's tree of
 * packages) when the SDK first uses it. This program never has it do that, and loading it takes longer
 * than the rest of the SDK.
 */
const Module = require("node:module");

/** A module that is loaded when something of it is asked for. */
function late(file) {
  let part;
  const now = () => {
    if (part === undefined) {
      delete Module._cache[file];
      part = require(file);
    }
    return part;
  };
  const module = new Module(file);
  module.filename = file;
  module.loaded = true;
  // Asked for its kind, it is one that the SDK's import helpers pass on as it is.
  module.exports = new Proxy({}, { get: (_, name) => name === "__esModule" || now()[name] });
  Module._cache[file] = module;
}

try {
  const sdk = Module.createRequire(require.resolve("@pulumi/pulumi/package.json"));
  for (const part of ["@npmcli/arborist", "./typescript-shim.js"]) late(sdk.resolve(part));
} catch {
  // An SDK that has no such parts, or none: what needs it says so.
}
