# remove: deletes the rules of one system, where those of the other are there and it answers.

VERB=remove
USAGE='--system kube2iam|kiam'

own_flag() {
  case $1 in
  --system) once "$1" "$system" && system=$2 ;;
  *) return 1 ;;
  esac
}

check_own_flags() {
  case $system in
  kube2iam | kiam) ;;
  *) usage "remove needs --system kube2iam or --system kiam, not '$system'" ;;
  esac
}

act() {
  if [ "$system" = kube2iam ]; then other=kiam; else other=kube2iam; fi
  # Health first, rules second: what is decided on is then as fresh as can be.
  if ! healthy "$other" before "$attempts"; then
    problem unhealthy "$other does not answer on this worker: $http_detail. Pods would be left without credentials. See the log of $other's pod here."
  fi
  look
  check_forms
  check_takeover "$system" "$other"
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi

  specs_of "$other"
  other_before=$specs
  places_of "$system"
  if [ -z "$found" ]; then
    say "$system's rule is not here (any more); $other's is, and $other answers. Nothing to do."
    report ok
  fi
  places_to_clear=$found
  begin_change
  delete_failure=''
  delete_rules "$places_to_clear" || delete_failure="deleting from the $backend tables failed: $change_detail"
  verify_removal
  [ "$problems" -eq 0 ] || undo_removal
  say "$system's rule is gone, $other's rule is there and $other answers."
  report ok
}

# specs_of SYSTEM: its rules without their positions, as rows "BACKEND SPEC", in $specs.
specs_of() {
  specs=''
  for row in $rows; do
    split_row "$row"
    if [ "$kind" = "$1" ]; then specs="$specs${specs:+$NEWLINE}$backend $spec"; fi
  done
}

verify_removal() {
  if ! snapshot; then
    problem backend-unreadable "after the change the tables could not be read: $detail_nft $detail_legacy"
    return
  fi
  if rows_with "$system"; then
    if [ -n "$delete_failure" ]; then
      problem change-failed "$system's rule is still there: $delete_failure"
    else
      problem not-verified "$system's rule is there after its removal: $(places_of "$system"; printf '%s\n' "$found" | tr '\n' ';') Did its pod restart just now?"
    fi
  fi
  specs_of "$other"
  if [ "$specs" != "$other_before" ]; then
    problem not-verified "$other's rule changed or went while $system's was removed."
  fi
  if [ "$problems" -eq 0 ] && ! healthy "$other" after 1; then
    problem unhealthy "$other stopped answering right after $system's rule was removed: $http_detail. See the log of $other's pod here."
  fi
}

# Exactly what was removed goes back where it was.
undo_removal() {
  take_back
  if snapshot && [ "$before_force" = "$system" ]; then
    in_force
    if [ "$first" != "$system" ]; then
      # The chain changed under our hands: what was in force before must be so again.
      for row in $removed; do
        split_place "$row"
        insert_again "$backend" 1 "$spec" || :
      done
      snapshot || :
    fi
  fi
  for row in $removed; do
    split_place "$row"
    if [ "$backend" = nft ]; then chain=$chain_nft; else chain=$chain_legacy; fi
    case "$NEWLINE$chain$NEWLINE" in
    *"$NEWLINE$spec$NEWLINE"*) ;;
    *) stuck="$stuck $backend: $spec is not there;" ;;
    esac
  done
  in_force
  if [ -n "$stuck" ] || [ "$first" != "$before_force" ]; then
    problem undo-failed "$system's rule could NOT be put back:$stuck. First in force is now: $first. Look at this worker now; iptables -t nat -S $CHAIN shows the rules."
    report broken
  fi
  notice undone "what had been removed is back where it was; $system serves this worker as before."
  report undone
}
