# Which interfaces a rule is for: prefixes (cali+), negations (!eth0), and "-" for every one.

# Whether a rule for interface $1 sees all that a rule for $2 sees; "cannot tell" is no.
covers() {
  if [ "$1" = - ] || [ "$1" = "$2" ]; then return 0; fi
  case $1:$2 in
  *:- | *:!*) return 1 ;;
  !*) if overlap "${1#!}" "$2"; then return 1; else return 0; fi ;;
  esac
  in_prefix "$1" "$2"
}

# Whether one interface can fit both; "cannot tell" is yes.
overlap() {
  case $1:$2 in
  -:* | *:- | !*:!*) return 0 ;;
  !*) if covers "${1#!}" "$2"; then return 1; else return 0; fi ;;
  *:!*) if covers "${2#!}" "$1"; then return 1; else return 0; fi ;;
  esac
  [ "$1" = "$2" ] || in_prefix "$1" "$2" || in_prefix "$2" "$1"
}

# in_prefix cali+ cali1234: whether the first is a prefix, and all that the second fits begins with it.
# Only a + at the end is no letter: a++ is the prefix "a+", and within a+.
in_prefix() {
  case $1 in
  *+) case ${2%+} in "${1%+}"*) return 0 ;; esac ;;
  esac
  return 1
}
