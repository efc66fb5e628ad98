/*
 * Has Node load what Pulumi's SDK takes functions apart with (the TypeScript compiler, npm's tree of
 * packages) when the SDK first uses it. This program never has it do that, and loading it takes longer
 * than the rest of the SDK.
 */
const Module = require("node:module");

const late = new Set(["@npmcli/arborist", "../../typescript-shim"]);
const ofSdk = /[\\/]node_modules[\\/]@pulumi[\\/]pulumi[\\/]runtime[\\/]/;
const load = Module._load;

Module._load = function (request, parent, isMain) {
  const now = () => load.call(this, request, parent, isMain);
  if (!late.has(request) || !ofSdk.test(parent?.filename ?? "")) return now();
  let part;
  // Asked for its kind, it is what the SDK's import helpers pass on as it is.
  return new Proxy({}, { get: (_, name) => name === "__esModule" || (part ??= now())[name] });
};
