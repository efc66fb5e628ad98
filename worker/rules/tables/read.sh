# Reading the nat tables of nft and legacy, each by its own iptables.

# Seconds that iptables may wait for the xtables lock.
LOCK_WAIT=30

find_tools() {
  tool_nft='' tool_legacy='' default_backend=''
  if command -v iptables-nft >/dev/null 2>&1; then tool_nft=iptables-nft; fi
  if command -v iptables-legacy >/dev/null 2>&1; then tool_legacy=iptables-legacy; fi
  if command -v iptables >/dev/null 2>&1; then
    case $(iptables -V 2>/dev/null) in
    *nf_tables*)
      default_backend=nft
      tool_nft=${tool_nft:-iptables}
      ;;
    # Versions before 1.8 do not name their backend: it is legacy.
    *v[0-9]*)
      default_backend=legacy
      tool_legacy=${tool_legacy:-iptables}
      ;;
    esac
  fi
  if [ -z "$default_backend" ]; then
    if [ -n "$tool_nft" ]; then default_backend=nft; else default_backend=legacy; fi
  fi
}

chain_of() { if [ "$1" = nft ]; then printf %s "$chain_nft"; else printf %s "$chain_legacy"; fi; }

# Both chains as printed: two that are equal are the same rules in the same order.
both_chains() { printf %s "nft:$(chain_of nft) legacy:$(chain_of legacy)"; }

# lock_flag TOOL: the words that make it wait for the xtables lock, one a line. A number of seconds it
# takes from 1.4.22 on; before that it waits as long as it takes, and before 1.4.20 it knows no -w.
lock_flag() {
  case $("$1" -V 2>/dev/null </dev/null) in
  *' v1.'[0-3].* | *' v1.4.'[0-9] | *' v1.4.1'[0-9]) ;;
  *' v1.4.2'[01]) printf %s -w ;;
  *) printf '%s\n' -w "$LOCK_WAIT" ;;
  esac
}

# read_nat TOOL: the rules (-A) and chains (-N) of the whole nat table in $nat, or what went wrong in
# $detail. What it could not list, in its own words, is in $unlisted.
read_nat() {
  # shellcheck disable=SC2046 # one word a line
  if nat=$("$1" $(lock_flag "$1") -t nat -S 2>&1 </dev/null); then
    unlisted=$(printf '%s\n' "$nat" | grep -v '^-' | grep -e incompatible -e unsupported)
    nat=$(printf '%s\n' "$nat" | grep -e '^-A ' -e '^-N ')
    return 0
  fi
  detail="$1 -t nat -S: $nat"
  return 1
}

read_nft() {
  nat='' detail='' unlisted=''
  if [ -z "$tool_nft" ]; then
    state=absent detail="no iptables-nft here"
  elif read_nat "$tool_nft"; then
    state=read detail=$("$tool_nft" -V 2>/dev/null)
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

read_legacy() {
  nat='' detail='' unlisted=''
  # The kernel lists the legacy tables that exist in this network namespace. Asking iptables-legacy
  # instead would create them.
  if [ ! -e /proc/net/ip_tables_names ]; then
    state=empty detail="the kernel has no legacy tables loaded"
  elif tables=$(cat /proc/net/ip_tables_names 2>/dev/null) &&
    case "$NEWLINE$tables$NEWLINE" in *"${NEWLINE}nat$NEWLINE"*) false ;; esac then
    state=empty detail="there is no legacy nat table here"
  elif [ -z "$tool_legacy" ]; then
    state=failed detail="there is a legacy nat table, but no iptables-legacy here to read it with"
  elif read_nat "$tool_legacy"; then
    state=read detail=$("$tool_legacy" -V 2>/dev/null)
  else
    state=failed nat=''
  fi
}

# Reads both sets of tables: chain_nft, chain_legacy (PREROUTING as printed), rows, state_*, detail_*.
# Fails where a set could not be read.
snapshot() {
  read_nft
  state_nft=$state detail_nft=$detail nat_nft=$nat unlisted_nft=$unlisted
  read_legacy
  state_legacy=$state detail_legacy=$detail nat_legacy=$nat
  chain_nft=$(printf '%s\n' "$nat_nft" | grep "^-A $CHAIN ")
  chain_legacy=$(printf '%s\n' "$nat_legacy" | grep "^-A $CHAIN ")
  rows=$(
    rows_of nft "$nat_nft"
    rows_of legacy "$nat_legacy"
  )
  [ "$state_nft" != failed ] && [ "$state_legacy" != failed ]
}
