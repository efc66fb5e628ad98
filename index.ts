import "./bin/nodeVersion.cjs";
import { program } from "./components/program.js";
import { stackConfiguration } from "./components/stackConfiguration.js";

/** Entry of `pulumi up`: the settings of the selected stack, applied to the cluster of the kubeconfig. */
export = () => program(stackConfiguration());
