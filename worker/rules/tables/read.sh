# Reading the nat tables of nft and legacy, each by its own iptables.

# Seconds that iptables may wait for the xtables lock.
LOCK_WAIT=30

find_tools() {
  tool_nft='' tool_legacy='' default_backend='' version_nft='' version_legacy=''
  if command -v iptables-nft >/dev/null 2>&1; then tool_nft=iptables-nft; fi
  if command -v iptables-legacy >/dev/null 2>&1; then tool_legacy=iptables-legacy; fi
  if command -v iptables >/dev/null 2>&1; then
    version=$(iptables -V 2>/dev/null)
    case $version in
    *nf_tables*)
      default_backend=nft
      if [ -z "$tool_nft" ]; then tool_nft=iptables version_nft=$version; fi
      ;;
    # Versions before 1.8 do not name their backend: it is legacy.
    *v[0-9]*)
      default_backend=legacy
      if [ -z "$tool_legacy" ]; then tool_legacy=iptables version_legacy=$version; fi
      ;;
    esac
  fi
  if [ -z "$default_backend" ]; then
    if [ -n "$tool_nft" ]; then default_backend=nft; else default_backend=legacy; fi
  fi
}

# tool_of BACKEND: its iptables in $tool, what that says of its version in $version, and in $lock the
# words that make it wait for the xtables lock, one a line. A number of seconds it takes from 1.4.22 on;
# before that it waits as long as it takes, and before 1.4.20 it knows no -w.
tool_of() {
  if [ "$1" = nft ]; then
    tool=$tool_nft
    version_nft=${version_nft:-$("$tool" -V 2>/dev/null </dev/null)}
    version=$version_nft
  else
    tool=$tool_legacy
    version_legacy=${version_legacy:-$("$tool" -V 2>/dev/null </dev/null)}
    version=$version_legacy
  fi
  case $version in
  *' v1.'[0-3].* | *' v1.4.'[0-9] | *' v1.4.1'[0-9]) lock='' ;;
  *' v1.4.2'[01]) lock=-w ;;
  *) lock=-w$NEWLINE$LOCK_WAIT ;;
  esac
}

# read_nat BACKEND: its whole nat table as printed in $nat, and its iptables' version in $detail, or
# what went wrong there. What it could not list, in its own words, is in $unlisted.
read_nat() {
  tool_of "$1"
  # shellcheck disable=SC2086 # one word a line
  if nat=$("$tool" $lock -t nat -S 2>&1 </dev/null); then
    detail=$version
    case $nat in
    *incompatible* | *unsupported*)
      unlisted=$(printf '%s\n' "$nat" | grep -v '^-' | grep -e incompatible -e unsupported)
      ;;
    esac
    return 0
  fi
  detail="$tool -t nat -S: $nat"
  return 1
}

read_nft() {
  nat='' detail='' unlisted=''
  if [ -z "$tool_nft" ]; then
    state=absent detail="no iptables-nft here"
  elif read_nat nft; then
    state='read'
  else
    state=failed nat=''
    # A kernel without nf_tables holds no such rules. Only the two answers that mean just that
    # are taken for it, the ambiguous one only while the module is not loaded.
    case $detail in
    *'Failed to initialize nft: Protocol not supported'*) state=empty ;;
    *'generation id: Invalid argument'*)
      if [ -r /proc/modules ] && ! grep '^nf_tables ' /proc/modules >/dev/null 2>&1; then state=empty; fi
      ;;
    esac
  fi
}

# Whether the kernel lists a legacy nat table: yes, no, or unknown, in $legacy_table.
look_for_legacy() {
  legacy_table=unknown
  {
    legacy_table=no
    while read -r table; do
      if [ "$table" = nat ]; then legacy_table=yes; fi
    done
  } 2>/dev/null </proc/net/ip_tables_names || :
}

read_legacy() {
  nat='' detail='' unlisted=''
  # The kernel lists the legacy tables that exist in this network namespace. Asking iptables-legacy
  # instead would create them.
  look_for_legacy
  if [ ! -e /proc/net/ip_tables_names ]; then
    state=empty detail="the kernel has no legacy tables loaded"
  elif [ "$legacy_table" = no ]; then
    state=empty detail="there is no legacy nat table here"
  elif [ -z "$tool_legacy" ]; then
    state=failed detail="there is a legacy nat table, but no iptables-legacy here to read it with"
  elif read_nat legacy; then
    state='read'
  else
    state=failed nat=''
  fi
}

# Reads both sets of tables: chain_nft, chain_legacy (PREROUTING as printed), rows, state_*, detail_*.
# Two that have the same in $both_chains have the same rules in the same order. Fails where a set could
# not be read.
snapshot() {
  read_nft
  state_nft=$state detail_nft=$detail nat_nft=$nat unlisted_nft=$unlisted
  read_legacy
  state_legacy=$state detail_legacy=$detail nat_legacy=$nat
  rows=''
  rows_of nft "$nat_nft"
  chain_nft=$chain
  rows_of legacy "$nat_legacy"
  chain_legacy=$chain
  both_chains="nft:$chain_nft legacy:$chain_legacy"
  [ "$state_nft" != failed ] && [ "$state_legacy" != failed ]
}
