# Whether kube2iam and kiam answer on this worker.

# Seconds for one health request.
HTTP_TIME=3

find_http_client() {
  http_client=''
  # No proxy has a say in what the node's own address answers.
  unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
  if command -v curl >/dev/null 2>&1; then
    http_client=curl
  elif command -v wget >/dev/null 2>&1; then
    http_client=busybox-wget
    case $(wget --version 2>/dev/null) in *GNU*) http_client=gnu-wget ;; esac
  fi
}

# wget's own limit is for single reads, and that of Debian's busybox-static 1.35 crashes: so a
# watchdog. It uses KILL, because TERM may be ignored by then.
bounded() {
  "$@" &
  child=$!
  (
    sleep "$HTTP_TIME"
    kill -9 "$child"
  ) >/dev/null 2>&1 </dev/null &
  watchdog=$!
  wait "$child"
  bounded_status=$?
  kill -9 "$watchdog" 2>/dev/null
  return "$bounded_status"
}

short_line() {
  case $1 in *"$NEWLINE"*) return 1 ;; esac
  [ "${#1}" -le 160 ]
}

# http_get URL: succeeds on 200, and leaves what came back in $http_detail.
http_get() {
  case $http_client in
  curl) answer=$(curl -q -sS -f --noproxy '*' --max-time "$HTTP_TIME" "$1" 2>&1 </dev/null) ;;
  gnu-wget) answer=$(bounded wget -q -O - --tries=1 --no-proxy "$1" 2>&1 </dev/null) ;;
  busybox-wget) answer=$(bounded wget -q -O - "$1" 2>&1 </dev/null) ;;
  *)
    http_detail="neither curl nor wget is installed here, so nothing could be asked"
    return 1
    ;;
  esac
  http_status=$?
  short_line "$answer" || answer=$(printf '%s' "$answer" | tr '\n' ' ' | cut -c 1-160)
  # 137: the watchdog's KILL. The shell's own word for it would only confuse.
  if [ "$http_status" -eq 137 ]; then answer="no answer within $HTTP_TIME s"; fi
  if [ "$http_status" -eq 0 ]; then
    http_detail="GET $1: ${answer:-empty answer}"
  else
    http_detail="GET $1 failed: ${answer:-no answer} (${http_client#*-} status $http_status)"
  fi
  return "$http_status"
}

ask() {
  if [ "$1" = kiam ]; then
    http_get "http://$host_ip:$kiam_port/ping" && http_get "http://$host_ip:$kiam_port/health?deep=1"
  else
    http_get "http://$host_ip:$kube2iam_port/healthz"
  fi
}

# healthy SYSTEM before|after TRIES
healthy() {
  tries=$3
  while :; do
    if ask "$1"; then ok=true; else ok=false; fi
    tries=$((tries - 1))
    if [ "$ok" = true ] || [ "$tries" -le 0 ] || [ -z "$http_client" ]; then break; fi
    sleep 1
  done
  json_string "$http_detail"
  health="$health${health:+,}{\"system\":\"$1\",\"when\":\"$2\",\"ok\":$ok,\"detail\":$json}"
  [ "$ok" = true ]
}
