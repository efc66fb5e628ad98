# What people read on standard error, and what the document says of it in `findings`.

say() { printf '%s\n' "rules/$VERB ${host_ip:-}: $*" >&2 2>/dev/null || :; }

# finding SEVERITY CODE MESSAGE
finding() {
  say "$1: $3"
  json_string "$3"
  findings="$findings${findings:+,}{\"severity\":\"$1\",\"code\":\"$2\",\"message\":$json}"
}

problem() {
  problems=$((problems + 1))
  finding problem "$@"
}

notice() { finding notice "$@"; }
