/*
 * Has Node load this project's TypeScript (by tsx), and packages as they are: tsx would read each of
 * their files for TypeScript and modules too, and so triples the time that they take to load.
 */
require("./nodeVersion.cjs");
require("./lateParts.cjs");
const Module = require("node:module");

Module.enableCompileCache();
const asItIs = Module._extensions[".js"];
require("tsx/cjs");
const byTsx = Module._extensions[".js"];
Module._extensions[".js"] = (module, file) =>
  (/[\\/]node_modules[\\/]/.test(file) ? asItIs : byTsx)(module, file);
