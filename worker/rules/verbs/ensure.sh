# ensure: kiam's rule is there, or is appended.

VERB=ensure
USAGE='--system kiam'

own_flag() {
  case $1 in
  --system) once "$1" "$system" && system=$2 ;;
  *) return 1 ;;
  esac
}

check_own_flags() {
  [ "$system" = kiam ] ||
    usage "ensure needs --system kiam, not '$system' (kube2iam's rule comes back by restore)"
}

act() {
  if healthy kiam before "$attempts"; then kiam_answers=yes; else kiam_answers=no; fi
  unhealthy_detail=$http_detail
  look
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi
  iface_wanted=${kiam_interface:-$interface}
  if serves kiam "$iface_wanted"; then
    check_rivals kiam "${iface_wanted:-$iface}"
    if [ "$problems" -gt 0 ]; then
      say "nothing was touched."
      report refused
    fi
    say "kiam's rule is there. Nothing to do."
    report ok
  fi

  if [ "$kiam_answers" = no ]; then
    problem unhealthy "kiam does not answer on this worker: $unhealthy_detail. Its rule would send pods nowhere. See the log of kiam's agent here."
  fi
  interfaces_of kube2iam
  each_once "$found"
  seen_interfaces=$sorted
  case $iface_wanted:$seen_interfaces in
  :) problem interface-unknown "kiam's rule is not here, and for which interface it has to be is not known: kube2iam has no rule here to tell. Name it with --kiam-interface or --interface, as kiam's agent has it in --host-interface." ;;
  :*"$NEWLINE"*) problem interface-unknown "kiam's rule is not here, and for which interface it has to be is not known: kube2iam has rules for several ($(printf '%s' "$seen_interfaces" | tr '\n' ' ')). Name it with --kiam-interface or --interface." ;;
  :*) iface_wanted=$seen_interfaces ;;
  esac
  [ -z "$iface_wanted" ] || check_rivals kiam "$iface_wanted"
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi

  home=$default_backend
  if ! rows_with kube2iam "$home"; then
    rows_with kube2iam
    for row in $found; do
      split_row "$row"
      home=$backend
    done
  fi
  begin_change
  rule_spec "$iface_wanted" "$kiam_port"
  append_rule "$home" "$written"
  [ "$problems" -gt 0 ] || verify_ensure
  [ "$problems" -eq 0 ] || undo_all "kiam's rule is not here, as before"
  in_force
  say "kiam's rule is there again, in the $home tables, and kiam answers. First in force is: $first."
  report ok
}

# append_rule BACKEND SPEC: at the end, as the agent itself does.
append_rule() {
  if [ "$1" = nft ]; then chain=$chain_nft; else chain=$chain_legacy; fi
  split_words "$chain" "$NEWLINE"
  end=$((words_count + 1))
  if change "$1" -A "$2"; then
    inserted="$1 $end $2"
    noted "-I $1 $end $2"
  else
    problem change-failed "kiam's rule could not be appended in the $1 tables: $change_detail"
  fi
}

verify_ensure() {
  if ! snapshot; then
    problem backend-unreadable "after the change the tables could not be read: $detail_nft $detail_legacy"
    return
  fi
  if ! serves kiam "$iface_wanted"; then
    problem not-verified "kiam's rule is not there, right after it was appended. Does something on this worker delete it (a preStop hook, a script)?"
  elif ! healthy kiam after 1; then
    problem unhealthy "kiam stopped answering right after its rule was appended: $http_detail. See the log of kiam's agent here."
  fi
}
