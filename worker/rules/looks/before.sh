# The state before anything is changed, with what is wrong with it in itself.
look() {
  check_node
  find_tools
  if [ -z "$tool_nft$tool_legacy" ]; then
    problem no-iptables "neither iptables, iptables-nft nor iptables-legacy is installed here: no rule can be seen or changed."
  fi
  snapshot || :
  for pair in "nft $state_nft $detail_nft" "legacy $state_legacy $detail_legacy"; do
    case $pair in
    'nft failed '* | 'legacy failed '*)
      problem backend-unreadable "the ${pair%% *} tables could not be read (${pair#* failed }). A rule may stand there unseen, so nothing is safe to change."
      ;;
    'nft absent '*)
      notice backend-absent "the nft tables were not looked at: no iptables-nft is installed here. Rules there, if any, are not in this report."
      ;;
    esac
  done
  look_for_native
  before_chains=$both_chains
  json_state
  before_json=$json
  case $first_nft:$first_legacy in
  kube2iam:kiam | kiam:kube2iam)
    notice order-unknown "kube2iam's and kiam's rules stand in different sets of tables (nft and legacy): which comes first cannot be read."
    ;;
  esac
  check_unread
  check_native
  note_way_back
}

# How to have rules read that this machine's iptables cannot.
READ_THEM="It was written by a newer iptables than the one here, so let the one that wrote it judge it: run this in kiam's or kube2iam's own pod on this worker, or install an iptables here that is as new as theirs. iptables-save of that pod shows the rule in full."

# back SEVERITY: `notice` for the verbs that lead back to kube2iam, whose rule goes in front of all
# others in the tables anyway, else SEVERITY.
back() { case $VERB:$system in restore:* | remove:kiam) printf notice ;; *) printf %s "$1" ;; esac; }

# Rules that iptables itself cannot read are never taken for none.
check_unread() {
  unread_severity=problem
  if [ "$VERB" = restore ]; then unread_severity=notice; fi
  rows_with unread
  for row in $found; do
    split_row "$row"
    "$unread_severity" rule-unread "in the $backend tables a rule may take requests for $METADATA, and iptables here cannot read where it leads or what it matches: $spec. It may be kube2iam's or kiam's. $READ_THEM"
  done
  [ -z "$unlisted_nft" ] || [ -n "$native_seen" ] ||
    "$unread_severity" rule-unread "iptables here cannot list all of the nft table nat ($unlisted_nft): what it leaves out may take requests for $METADATA. Install nft on this worker to have it looked at (nft list table ip nat shows it), then run again."
}
