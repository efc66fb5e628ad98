/** Name of the Pulumi project, with which every key of a stack's configuration begins. */
export const projectName = "kube2iam-to-kiam";
