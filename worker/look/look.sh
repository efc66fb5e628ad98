#!/bin/sh
# Looks at what a worker has that matters to kiam's agent, and changes nothing.
#
#   look.sh [IP:PORT …]      kiam's servers
#
# Lines on stdout, the last of which is "end" (half an answer is none):
#   interface NAME
#   listen PORT [PROGRAM]    TCP; the program where it can be told (root, and ss)
#   reached IP:PORT          something there answers, be it with a refusal
#   blocked IP:PORT          nothing there answers within 3 s
# What no tool here can tell gives no line. Runs by dash, bash or busybox, usually from standard input.

LC_ALL=C
export LC_ALL

interfaces() { sed -n -e 's/^ *\([^ :]*\):.*/interface \1/p' /proc/net/dev; }

listeners() {
  if command -v ss >/dev/null 2>&1 && sockets=$(ss -l -t -n -p 2>/dev/null </dev/null); then
    printf '%s\n' "$sockets" | sed -n \
      -e 's/^LISTEN  *[0-9]*  *[0-9]*  *[^ ]*:\([0-9]*\)  *[^ ]*  *users:(("\([^"]*\)".*/listen \1 \2/p' -e t \
      -e 's/^LISTEN  *[0-9]*  *[0-9]*  *[^ ]*:\([0-9]*\) .*/listen \1/p'
    return
  fi
  sed -n -e 's/^ *[0-9]*: [0-9A-F]*:\([0-9A-F]*\) [0-9A-F]*:0000 0A .*/\1/p' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    while read -r hex; do printf 'listen %d\n' "$((0x$hex))"; done
}

# dial IP PORT: whether it can be told is whether there is bash, or an nc that knows -z.
dial() {
  command -v timeout >/dev/null 2>&1 || return 126
  if command -v bash >/dev/null 2>&1; then
    # shellcheck disable=SC2016 # for bash to expand
    timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$1" "$2"
  elif command -v nc >/dev/null 2>&1; then
    timeout 3 nc -v -z "$1" "$2"
  else
    return 126
  fi
}

reach() {
  said=$(dial "${1%:*}" "${1##*:}" 2>&1 </dev/null)
  case $?:$said in
  0:* | *refused*) printf 'reached %s\n' "$1" ;;
  124:* | 143:* | *'timed out'* | *'No route to host'* | *unreachable*) printf 'blocked %s\n' "$1" ;;
  esac
}

look() {
  interfaces
  listeners | sort -u
  for server in "$@"; do reach "$server" & done
  wait
  echo end
}

look "$@"
