import "./bin/nodeVersion.cjs";
import { join } from "node:path";

import type * as entry from "./components/programOfStack.js";
import { loadProgram } from "./gates/protocol/bundle.js";

/** Entry of `pulumi up`. All of it but Pulumi's packages is loaded as one file. */
export = async () => {
  const file = join(__dirname, "components/programOfStack.ts");
  const { programOfStack } = await loadProgram<typeof entry>(file, ["@pulumi/*"]);
  return programOfStack();
};
