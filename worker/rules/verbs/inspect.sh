# inspect: looks, and changes nothing.

VERB=inspect
USAGE=''

own_flag() { return 1; }

check_own_flags() { :; }

act() {
  look
  check_forms
  judged=kiam
  if ! serves kiam ''; then judged=kube2iam; fi
  interfaces_of "$judged"
  check_rivals "$judged" "$found"
  healthy kube2iam before 1 || :
  healthy kiam before 1 || :
  # Only what could not be read fails here: the rest is for the reader to judge.
  case ",$findings" in
  *'"code":"not-root"'* | *'"code":"wrong-node"'* | *'"code":"backend-unreadable"'* | *'"code":"rule-unread"'* | *'"code":"no-iptables"'*) report refused ;;
  esac
  report ok
}
