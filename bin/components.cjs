// What require("kube2iam-to-kiam/components") gives. The package is TypeScript (typescript.cjs).
require("./typescript.cjs");
module.exports = require("../components/index.ts");
