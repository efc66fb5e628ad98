# Changing the tables, and taking a change back.

# change BACKEND -D|-I|-A SPEC [POSITION]
change() {
  tool_of "$1"
  action=$2 position=${4-}
  split_words "${3#"-A $CHAIN "}" ' '
  # shellcheck disable=SC2086 # one word a line; the form was checked by classify
  set -- $words
  if [ -n "$position" ]; then set -- "$position" "$@"; fi
  # shellcheck disable=SC2086 # one word a line
  change_detail=$("$tool" $lock -t nat "$action" "$CHAIN" "$@" 2>&1 </dev/null)
}

# From here on the script ends by itself only. Ignored signals are inherited, so iptables is not
# interrupted either.
begin_change() {
  trap '' HUP INT TERM PIPE
  in_force
  before_force=$first
  # A system that does not answer now keeps pods waiting: one short try, and an undo that may turn out
  # needless, are better than a long outage.
  HTTP_TIME=2
}

# split_place ROW sets backend place spec.
split_place() {
  spec=$1
  backend=${spec%% *} spec=${spec#* }
  place=${spec%% *} spec=${spec#* }
}

# Every change made, the newest first: rows "-D|-I BACKEND POSITION SPEC", the position being that
# at the very moment.
journal=''

noted() { journal="$1${journal:+$NEWLINE}$journal"; }

# Takes back what the journal holds, the newest first, so that every rule is where it was. What
# could not be taken back is in $stuck.
take_back() {
  stuck=''
  for step in $journal; do
    split_place "${step#* }"
    case $step in
    -I*) change "$backend" -D "$spec" ;;
    *) insert_again "$backend" "$place" "$spec" ;;
    esac || stuck="$stuck $backend: $spec ($change_detail);"
  done
}

# insert_again BACKEND POSITION SPEC: for the way back, which should not fail for a busy lock.
insert_again() {
  for try in 1 2 3; do
    if change "$1" -I "$3" "$2"; then return 0; fi
    say "putting the rule back, try $try: $change_detail"
    # If the chain became shorter meanwhile: first if it was in force, last if it slept.
    if [ "$before_force" = "$system" ]; then
      if change "$1" -I "$3" 1; then return 0; fi
    elif change "$1" -A "$3"; then
      return 0
    fi
    sleep 1
  done
  return 1
}
