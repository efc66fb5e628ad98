// What require("kube2iam-to-kiam") gives. The package is TypeScript (typescript.cjs).
require("./typescript.cjs");
module.exports = require("../automation/api/index.ts");
