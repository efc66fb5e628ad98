# Rules that lead to kube2iam or kiam in another form than they write.

check_forms() {
  rows_with unexpected
  for row in $found; do
    split_row "$row"
    case $spec in
    '-A OUTPUT '*)
      notice unexpected-form "in the $backend tables, for the node's own processes: $spec. It is left alone; remove it before the system that it leads to goes."
      ;;
    *)
      problem unexpected-form "in the $backend tables a rule leads to kube2iam or kiam without having the form that they write: $spec. What it catches cannot be judged. If kube2iam or kiam wrote it, this machine's iptables is older than theirs and leaves a part of it out: use that of their own pod. Else remove or rewrite it by hand, then run again."
      ;;
    esac
  done
}
