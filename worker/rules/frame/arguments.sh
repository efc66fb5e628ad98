# The words that a verb is given. Those that only it takes are its own part's matter:
#   VERB, USAGE                its name, and its own flags in words
#   own_flag FLAG VALUE        takes one of them; fails where it knows no such flag
#   check_own_flags            ends with usage where one is wrong, or lacks
#   act                        what main calls then

usage() {
  say "$*. Nothing was touched."
  say "usage: $VERB --host-ip IP --kube2iam-port N --kiam-port N [--interface NAME]" \
    "[--kiam-interface NAME] [--attempts N] $USAGE"
  exit 2
}

# number NAME VALUE LEAST MOST
number() {
  case $2 in
  '' | *[!0-9]* | 0?* | ??????*) usage "$1 must be a number from $3 to $4, not '$2'" ;;
  esac
  { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } || usage "$1 must be a number from $3 to $4, not '$2'"
}

# split_words TEXT SEPARATOR: the words, one a line, in $words (IFS is a line break throughout).
split_words() {
  IFS=$2
  # shellcheck disable=SC2086 # to be split
  set -- $1
  IFS=$NEWLINE
  words_count=$#
  words=$*
}

is_ipv4() {
  case $1 in
  '' | *[!0-9.]* | .* | *. | *..*) return 1 ;;
  esac
  split_words "$1" .
  [ "$words_count" -eq 4 ] || return 1
  for octet in $words; do
    case $octet in 0?* | ????*) return 1 ;; esac
    [ "$octet" -le 255 ] || return 1
  done
}

is_interface() {
  case ${1#!} in
  '' | -* | ????????????????* | *[!A-Za-z0-9_.+-]* | *+?*) return 1 ;;
  esac
  [ "$1" != '!+' ]
}

# interface_flag NAME VALUE
interface_flag() {
  [ -z "$2" ] || is_interface "$2" ||
    usage "$1 must be an interface as --host-interface takes it (cni0, cali+, !eth0, or + for every one), not '$2'"
}

once() { [ -z "$2" ] || usage "$1 was given twice"; }

arguments() {
  system='' host_ip='' kube2iam_port='' kiam_port='' interface='' kiam_interface='' attempts=''
  [ "${1-}" = "$VERB" ] || usage "the first argument must be $VERB, all that this text does, not '${1-}'"
  shift
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage "$1 is not known or lacks its value"
    case $2 in *"$NEWLINE"*) usage "$1 must be one line" ;; esac
    case $1 in
    --host-ip) once "$1" "$host_ip" && host_ip=$2 ;;
    --kube2iam-port) once "$1" "$kube2iam_port" && kube2iam_port=$2 ;;
    --kiam-port) once "$1" "$kiam_port" && kiam_port=$2 ;;
    --interface) once "$1" "$interface" && interface=$2 ;;
    --kiam-interface) once "$1" "$kiam_interface" && kiam_interface=$2 ;;
    --attempts) once "$1" "$attempts" && attempts=$2 ;;
    *) own_flag "$1" "$2" || usage "$1 is not known to $VERB" ;;
    esac
    shift 2
  done

  shown=$host_ip host_ip=''
  is_ipv4 "$shown" || usage "--host-ip must be an IPv4 address, not '$shown'"
  host_ip=$shown
  number --kube2iam-port "$kube2iam_port" 1 65535
  number --kiam-port "$kiam_port" 1 65535
  [ "$kube2iam_port" != "$kiam_port" ] ||
    usage "--kube2iam-port and --kiam-port must differ: two systems cannot share port $kiam_port"
  interface_flag --interface "$interface"
  interface_flag --kiam-interface "$kiam_interface"
  # "+" is every interface, and iptables prints no -i for it.
  if [ "$interface" = + ]; then interface=-; fi
  if [ "$kiam_interface" = + ]; then kiam_interface=-; fi
  if [ -n "$attempts" ]; then number --attempts "$attempts" 1 60; else attempts=3; fi
  check_own_flags
}
