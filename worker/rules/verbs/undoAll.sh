# The way back of a verb that put something there.

# undo_all WORDS: takes back every change. What it means is said by WORDS.
undo_all() {
  take_back
  if ! snapshot || [ -n "$stuck" ] || [ "$before_chains" != "$both_chains" ]; then
    in_force
    problem undo-failed "the rules could NOT be brought back to what they were:$stuck. First in force is now: $first. Look at this worker now."
    report broken
  fi
  notice undone "the rules are what they were; $1."
  report undone
}
