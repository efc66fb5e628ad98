# JSON out of lines.

# Everything outside printable ASCII becomes "?": what is kept is valid JSON whatever a rule's
# comment or a server's answer holds.
json_text() { printf '%s\n' "$1" | tr -c '\n\040-\176' '?' | sed -e 's/[\\"]/\\&/g'; }

json_string() { printf '"%s"' "$(json_text "$1" | tr '\n' ' ' | sed -e 's/ *$//')"; }

# json_array LINES SED-EXPRESSION: one element a line, made by the expression from the escaped line.
json_array() {
  [ -n "$1" ] || {
    printf '[]'
    return
  }
  # shellcheck disable=SC2016 # $! is sed's
  printf '[%s]' "$(json_text "$1" | sed -e "$2" -e '$!s/$/,/' | tr -d '\n')"
}

# Rows "BACKEND POSITION SPEC".
json_places() {
  json_array "$1" 's/^\([a-z]*\) \([0-9]*\) \(.*\)$/{"backend":"\1","position":\2,"spec":"\3"}/'
}

# Rows "BACKEND SPEC".
json_captured() { json_array "$1" 's/^\([a-z]*\) \(.*\)$/{"backend":"\1","spec":"\2"}/'; }
