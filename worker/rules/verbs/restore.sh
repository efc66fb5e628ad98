# restore: puts kube2iam's rules, as captured, in front of all others.

VERB=restore
USAGE='--rule SPEC [--backend nft|legacy] [--rule SPEC ...]'
wanted=''

# The rules asked for: rows "BACKEND SPEC" in $wanted, BACKEND "-" where it was not said.
own_flag() {
  case $1 in
  --rule)
    # As iptables prints it.
    case $2 in
    *' ! -i + '*) rule=$2 ;;
    *' -i + '*) rule="${2%%" -i + "*} ${2#*" -i + "}" ;;
    *) rule=$2 ;;
    esac
    wanted="$wanted${wanted:+$NEWLINE}- $rule"
    ;;
  --backend)
    # Belongs to the --rule before it.
    case $2 in nft | legacy) ;; *) usage "--backend must be nft or legacy, not '$2'" ;; esac
    last=${wanted##*"$NEWLINE"}
    case $last in '- '*) ;; *) usage "--backend must follow the --rule that it belongs to" ;; esac
    wanted="${wanted%"$last"}$2 ${last#- }"
    ;;
  *) return 1 ;;
  esac
}

check_own_flags() {
  [ -n "$wanted" ] || usage "restore needs --rule"
  for row in $wanted; do
    classify "${row#* }"
    [ "$kind" = kube2iam ] ||
      usage "--rule must be kube2iam's rule for $host_ip:$kube2iam_port as iptables -S prints it, not '${row#* }'"
  done
}

# usable BACKEND: can be written to.
usable() {
  if [ "$1" = nft ]; then [ -n "$tool_nft" ]; else [ -n "$tool_legacy" ]; fi
}

# Where the captured rules must go: rows "BACKEND SPEC" in $targets, last first, because each is
# inserted at position 1. A rule goes back to the tables it came from and to the top of every set
# of tables that holds a rule of kiam, or one that cannot be read and may be kiam's: which of the two
# sets is walked first cannot be read, so being first is certain only by being first in each of them.
restore_targets() {
  targets=''
  for entry in $wanted; do
    home=${entry%% *} spec_wanted=${entry#* }
    homes=''
    if [ "$home" != - ] && usable "$home"; then homes=$home; fi
    for candidate in nft legacy; do
      if [ "$candidate" != "$homes" ] && { rows_with kiam "$candidate" || rows_with unread "$candidate"; }; then
        homes="$homes${homes:+$NEWLINE}$candidate"
      fi
    done
    homes=${homes:-$default_backend}
    for candidate in $homes; do
      case "$NEWLINE$targets$NEWLINE" in *"$NEWLINE$candidate $spec_wanted$NEWLINE"*) continue ;; esac
      targets="$candidate $spec_wanted${targets:+$NEWLINE}$targets"
      if [ "$home" != - ] && [ "$home" != "$candidate" ]; then
        notice other-backend "the rule came from the $home tables; it also goes to (or only, if no tool for those is here) the $candidate tables, so that it comes before kiam's rule, and any that cannot be read, in any case."
      fi
    done
  done
}

# stands_first BACKEND SPEC: nothing that could take its traffic comes before it. Foreign rules for
# other traffic (kube-proxy's, CNI's jumps) may.
stands_first() {
  classify "$2"
  wanted_iface=$iface
  for row in $rows; do
    split_row "$row"
    if [ "$backend" != "$1" ] || [ "$place" -eq 0 ]; then continue; fi
    if [ "$spec" = "$2" ]; then return 0; fi
    case $kind in
    kube2iam) ;;
    *) if overlap "$iface" "$wanted_iface"; then return 1; fi ;;
    esac
  done
  return 1
}

act() {
  if ! healthy kube2iam before "$attempts"; then
    problem unhealthy "kube2iam does not answer on this worker: $http_detail. Its rule would send pods nowhere. See its pod's log here; while it is down kiam's rule stays in force."
  fi
  look
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi
  restore_targets
  lacking=''
  for target in $targets; do
    stands_first "${target%% *}" "${target#* }" || lacking="$lacking${lacking:+$NEWLINE}$target"
  done
  if [ -z "$lacking" ]; then
    say "kube2iam's rule comes first already. Nothing to do."
    report ok
  fi
  begin_change
  for target in $lacking; do put_first "${target%% *}" "${target#* }"; done
  verify_restore
  [ "$problems" -eq 0 ] || undo_restore
  say "kube2iam's rule comes first again."
  report ok
}

# sleeping_copies BACKEND SPEC: places of rules equal to SPEC, if every one of them stands behind a
# rule of kiam that takes all its traffic, in $copies. All, because -D hits the first.
sleeping_copies() {
  classify "$2"
  wanted_iface=$iface kiam_came=no copies=''
  for row in $rows; do
    split_row "$row"
    if [ "$backend" != "$1" ] || [ "$place" -eq 0 ]; then continue; fi
    if [ "$kind" = kiam ] && covers "$iface" "$wanted_iface"; then kiam_came=yes; fi
    if [ "$spec" != "$2" ]; then continue; fi
    if [ "$kiam_came" = no ]; then
      copies=''
      return
    fi
    copies="$copies${copies:+$NEWLINE}$backend $place $spec"
  done
}

# put_first BACKEND SPEC. A sleeping copy is deleted before the new one is inserted: -D takes the
# first of two equal rules, so afterwards it would take the wrong one. While neither is there,
# kiam's rule, which stood before the copy, goes on serving.
put_first() {
  # If that fails: it only slept; the one that matters is inserted next.
  sleeping_copies "$1" "$2"
  delete_rules "$copies" ||
    say "a sleeping copy of the rule could not be deleted: $change_detail"
  if change "$1" -I "$2" 1; then
    inserted="$inserted${inserted:+$NEWLINE}$1 1 $2"
    noted "-I $1 1 $2"
  else
    problem change-failed "kube2iam's rule could not be inserted in the $1 tables: $change_detail"
  fi
  # Places have shifted, and a second rule may have to go into the same chain.
  snapshot || :
}

verify_restore() {
  if ! snapshot; then
    problem backend-unreadable "after the change the tables could not be read: $detail_nft $detail_legacy"
    return
  fi
  for target in $targets; do
    stands_first "${target%% *}" "${target#* }" ||
      problem not-verified "kube2iam's rule does not come first in the ${target%% *} tables."
  done
  if [ "$problems" -eq 0 ] && ! healthy kube2iam after 1; then
    problem unhealthy "kube2iam stopped answering right after its rule was put first: $http_detail. See its pod's log here."
  fi
}

# Back to kiam, but only where kiam serves: otherwise kube2iam's rule is the better of two evils.
undo_restore() {
  if [ -n "$inserted" ] && ! healthy kiam after 1; then
    problem undo-failed "kiam does not answer either ($http_detail), so kube2iam's rule stays first. Look at both systems' pods on this worker now."
    report broken
  fi
  undo_all "kiam serves this worker as before"
}
