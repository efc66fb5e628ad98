/** The images that the lab's nodes hold, by the names under which manifests ask for them. */
export const IMAGE_TAGS = {
  pause: "docker.io/lab/pause:1",
  coredns: "docker.io/lab/coredns:1",
  client: "docker.io/lab/client:1",
  kubectl: "docker.io/lab/kubectl:1",
  kiam: "quay.io/uswitch/kiam:v4.2",
  kube2iam: "docker.io/jtblin/kube2iam:0.15.0",
} as const;

export type ImageName = keyof typeof IMAGE_TAGS;
