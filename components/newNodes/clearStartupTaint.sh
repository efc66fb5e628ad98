#!/bin/sh
# Takes the startup taint off every node whose kiam agent is ready, so that no pod that needs
# credentials starts there before its agent.
#
#   clearStartupTaint.sh watch NAMESPACE SELECTOR TAINT-KEY
#   clearStartupTaint.sh alive     liveness: watch went round within the last minute
#   clearStartupTaint.sh ready     readiness: it could look at nodes and pods within the last minute
#
# NAMESPACE and SELECTOR (label=value,…) say which pods are kiam's agents. Needs kubectl, and a
# writable directory HOME, where kubectl keeps its cache and watch the time of its last round.
# Says on stdout which nodes it clears, and on stderr, once, what keeps it from looking.
# An agent that is not ready any more does not bring the taint back: pods there have credentials
# cached, and kiam's rule refuses instead of leaking.
set -u

INTERVAL=2 # seconds between two rounds
STALE=60   # seconds after which a round counts as missing
NEWLINE='
'

# Not kubectl's own --request-timeout: with any such flag it no longer finds the cluster that its
# pod is in, and asks localhost:8080.
ask() { timeout 15 kubectl "$@"; }

mark() { date +%s >"$HOME/$1.new" && mv "$HOME/$1.new" "$HOME/$1"; }

is_fresh() {
  last=$(cat "$HOME/$1" 2>/dev/null) || return 1
  [ $(($(date +%s) - last)) -le "$STALE" ]
}

# Rows "NODE INDEX": where in its list of taints each node has the taint.
tainted_nodes() {
  # shellcheck disable=SC2016 # the variables are the template's
  ask get nodes -o go-template='{{range .items}}{{$node := .metadata.name}}{{range $index, $taint := .spec.taints}}{{if eq $taint.key "'"$key"'"}}{{$node}} {{$index}}{{"\n"}}{{end}}{{end}}{{end}}'
}

# Nodes with a ready agent, one a line.
ready_nodes() {
  # shellcheck disable=SC2016 # the variables are the template's
  ask get pods -n "$namespace" -l "$selector" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{$node := .spec.nodeName}}{{range .status.conditions}}{{if and (eq .type "Ready") (eq .status "True")}}{{$node}}{{"\n"}}{{end}}{{end}}{{end}}{{end}}'
}

round() {
  tainted=$(tainted_nodes) || return 1
  [ -n "$tainted" ] || return 0
  ready=$(ready_nodes) || return 1
  printf '%s\n' "$tainted" | {
    failed=0
    while read -r node index; do
      case "$NEWLINE$ready$NEWLINE" in *"$NEWLINE$node$NEWLINE"*) ;; *) continue ;; esac
      place=/spec/taints/$index
      # Refused where the list has changed meanwhile: then the next round finds the new place.
      if ask patch node "$node" --type=json -p '[
        {"op": "test", "path": "'"$place"'/key", "value": "'"$key"'"},
        {"op": "remove", "path": "'"$place"'"}]' >/dev/null; then
        printf '%s\n' "$node: kiam's agent is ready; taint $key taken off"
      else
        failed=1
      fi
    done
    exit "$failed"
  }
}

watch() {
  namespace=$1 selector=$2 key=$3
  said=''
  exec 3>&1
  while :; do
    mark alive
    if problem=$(round 2>&1 >&3 3>&-); then
      mark ready
      said=''
    else
      # kubectl's verdict is its last line; those before it carry the time and never repeat.
      problem=${problem##*"$NEWLINE"}
      [ "$problem" = "$said" ] || printf '%s\n' "$problem" >&2
      said=$problem
    fi
    sleep "$INTERVAL"
  done
}

case ${1-}:$# in
watch:4) watch "$2" "$3" "$4" ;;
alive:1 | ready:1) is_fresh "$1" ;;
*)
  printf '%s\n' "usage: clearStartupTaint.sh watch NAMESPACE SELECTOR TAINT-KEY | alive | ready" >&2
  exit 2
  ;;
esac
