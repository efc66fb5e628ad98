#!/bin/sh
# Writes kiam's rule on a node that boots, before its kubelet starts. Until kiam's agent listens,
# pods get a refused connection, which SDKs repeat, and not the node's own role, which they keep.
#
#   bootGuard.sh RULE
#
# RULE is the agent's rule as `iptables -S` prints it, with HOST_IP where the node's own address
# belongs. Runs as root, by dash, bash or busybox. It waits for nothing for longer than about half
# a minute, and ends with 0 when the rule is there, else with 1: then no pod should start.
# What the agent inserts later is the same rule, so that it finds it there (in the same tables).
set -u -f
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
no_proxy=169.254.169.254
export PATH LC_ALL no_proxy

METADATA=http://169.254.169.254/latest
TRIES=3      # requests for the address, a second apart, before the routing table is asked instead
HTTP_TIME=2  # seconds for one of them
LOCK_WAIT=10 # seconds that iptables may wait for the xtables lock

say() { printf '%s\n' "kiam boot guard: $*" >&2; }

# metadata METHOD PATH HEADER. The node's own requests pass no rule of PREROUTING.
metadata() {
  if command -v curl >/dev/null 2>&1; then
    curl -s -f -m "$HTTP_TIME" -X "$1" -H "$3" "$METADATA$2"
  else
    wget -q -O - -T "$HTTP_TIME" -t 1 --method="$1" --header="$3" "$METADATA$2"
  fi </dev/null 2>/dev/null
}

metadata_address() {
  # Version 2 wants a token; where only version 1 is there, nobody gives one.
  if token=$(metadata PUT /api/token 'X-aws-ec2-metadata-token-ttl-seconds: 60') && [ -n "$token" ]; then
    metadata GET /meta-data/local-ipv4 "X-aws-ec2-metadata-token: $token"
  else
    metadata GET /meta-data/local-ipv4 'Accept: */*'
  fi
}

# Where this node sends from when it talks to the metadata service.
route_address() { ip -4 route get 169.254.169.254 2>/dev/null | sed -n 's/.* src \([0-9.]*\).*/\1/p'; }

# A rule to an address that is not this node's own would send credentials requests elsewhere.
is_own() {
  case $1 in '' | 169.254.* | 127.* | *[!0-9.]*) return 1 ;; esac
  ip -4 -o addr show 2>/dev/null | grep -F " inet $1/" >/dev/null
}

find_address() {
  tries=0
  while [ "$tries" -lt "$TRIES" ]; do
    address=$(metadata_address)
    if is_own "$address"; then return 0; fi
    tries=$((tries + 1))
    sleep 1
  done
  say "instance metadata does not tell this node's address; asking the routing table"
  address=$(route_address)
  is_own "$address"
}

# lock_flag TOOL: what makes it wait for the xtables lock. A number of seconds it takes from 1.4.22 on;
# before 1.4.20 it knows no -w.
lock_flag() {
  case $("$1" -V 2>/dev/null) in
  *' v1.'[0-3].* | *' v1.4.'[0-9] | *' v1.4.1'[0-9]) ;;
  *' v1.4.2'[01]) echo -w ;;
  *) echo -w "$LOCK_WAIT" ;;
  esac
}

# put TOOL WORD...: appends the rule unless it is there.
put() {
  tool=$1
  shift
  lock=$(lock_flag "$tool")
  # shellcheck disable=SC2086 # one word each
  if "$tool" $lock -t nat -C "$@" 2>/dev/null; then
    say "$tool: the rule is there already"
  elif refusal=$("$tool" $lock -t nat -A "$@" 2>&1); then
    say "$tool: written: -A $*"
  else
    say "$tool: not written: $refusal"
    return 1
  fi
}

main() {
  case ${1-} in
  '-A PREROUTING '*HOST_IP:*) ;;
  *)
    say "the rule must be as iptables -S prints it, with HOST_IP as its address, not '${1-}'"
    exit 1
    ;;
  esac
  if ! find_address; then
    say "no address of this node is known: NO rule was written, and pods would read the node's own role"
    exit 1
  fi
  rule=${1%%HOST_IP*}$address${1#*HOST_IP}
  # shellcheck disable=SC2086 # one word each
  set -- ${rule#-A }

  # Which set of tables the agent uses is its image's choice, not this node's: where there are
  # two, the rule goes into both. It leads to the same place.
  tools=''
  for tool in iptables-nft iptables-legacy; do
    if command -v "$tool" >/dev/null 2>&1; then tools="$tools $tool"; fi
  done
  written=0
  for tool in ${tools:-iptables}; do
    if put "$tool" "$@"; then written=$((written + 1)); fi
  done
  [ "$written" -gt 0 ] || exit 1
}

main "$@"
