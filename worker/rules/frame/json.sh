# JSON out of lines. What a function makes is in $json.

# json_text TEXT: as it may stand between quotes, in $text. Everything outside printable ASCII becomes
# "?": what is kept is valid JSON whatever a rule's comment or a server's answer holds.
json_text() {
  rest=$1 text=''
  case $rest in *[!"$NEWLINE "-~]*) rest=$(printf '%s\n' "$1" | tr -c '\n\040-\176' '?') ;; esac
  # In a long text the shell would be slow: it goes through what is left once more for every quote.
  if [ "${#rest}" -gt 1000 ]; then
    text=$(printf '%s\n' "$rest" | sed -e 's/[\\"]/\\&/g')
    return
  fi
  while :; do
    case $rest in *[\\\"]*) ;; *) break ;; esac
    plain_part=${rest%%[\\\"]*}
    rest=${rest#"$plain_part"}
    text="$text$plain_part\\${rest%"${rest#?}"}"
    rest=${rest#?}
  done
  text=$text$rest
}

json_string() {
  json_text "$1"
  case $text in *"$NEWLINE"*) text=$(printf '%s\n' "$text" | tr '\n' ' ') ;; esac
  # Without blanks at its end.
  json="\"${text%"${text##*[! ]}"}\""
}

# json_array FORM LINES: an element for each line. FORM says what is in a line:
#   text       anything
#   place      BACKEND POSITION SPEC
#   captured   BACKEND SPEC
#   client     ADDRESS PORT
#   closed     ADDRESS PORT SECONDS
json_array() {
  if [ "$1" = text ] && [ "${#2}" -gt "$LONG_LIST" ]; then
    # shellcheck disable=SC2016 # $! is sed's
    json="[$(printf '%s\n' "$2" | tr -c '\n\040-\176' '?' |
      sed -e 's/[\\"]/\\&/g' -e 's/.*/"&"/' -e '$!s/$/,/' | tr -d '\n')]"
    return
  fi
  json=''
  for json_line in $2; do
    json_text "$json_line"
    head=${text%% *} tail=${text#* }
    case $1 in
    text) element="\"$text\"" ;;
    place) element="{\"backend\":\"$head\",\"position\":${tail%% *},\"spec\":\"${tail#* }\"}" ;;
    captured) element="{\"backend\":\"$head\",\"spec\":\"$tail\"}" ;;
    client) element="{\"address\":\"$head\",\"port\":$tail}" ;;
    closed) element="{\"address\":\"$head\",\"port\":${tail%% *},\"idleSeconds\":${tail#* }}" ;;
    esac
    json="$json${json:+,}$element"
  done
  json="[$json]"
}
