import { program } from "./components/program";
import { stackConfiguration } from "./components/stackConfiguration";

/** Entry of `pulumi up`: the settings of the selected stack, applied to the cluster of the kubeconfig. */
export = () => program(stackConfiguration());
