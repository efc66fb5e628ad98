/* Where OS images keep the CA certificates that kiam's server needs to know AWS by. */

export interface OsFamily {
  /** Of NodeFacts.osImage, as the kubelet reads it from PRETTY_NAME in /etc/os-release. */
  image: RegExp;
  /** Directory that holds the certificates themselves, for kiam.caHostPath. */
  caPath: string;
  /** Usual directories that are not there, or hold nothing but links that lead out of them. */
  useless: readonly string[];
}

const debian = "/etc/ssl/certs";
const redHat = "/etc/pki/ca-trust/extracted/pem";
/** kiam's own default; on Debian it only has a subdirectory, which Go does not look into. */
const coreOs = "/usr/share/ca-certificates";

const families: readonly OsFamily[] = [
  {
    // Their /etc/ssl/certs leads to /etc/pki/tls/certs, which has links into /etc/pki/ca-trust.
    image: /amazon linux|red hat|rhel|centos|fedora|rocky|almalinux|oracle linux/i,
    caPath: redHat,
    useless: [debian, coreOs, "/etc/pki/tls/certs"],
  },
  { image: /debian|ubuntu/i, caPath: debian, useless: [redHat, coreOs] },
  { image: /flatcar|container-optimized os/i, caPath: debian, useless: [redHat] },
  { image: /bottlerocket/i, caPath: "/etc/pki/tls/certs", useless: [redHat, coreOs] },
];

/** What is known of an OS image; undefined for one that is not. */
export function osFamily(osImage: string): OsFamily | undefined {
  return families.find(({ image }) => image.test(osImage));
}
