# The rows that the last snapshot left in $rows, by kind and system.

# split_row ROW sets backend place kind iface spec.
split_row() {
  spec=$1
  backend=${spec%% *} spec=${spec#* }
  place=${spec%% *} spec=${spec#* }
  kind=${spec%% *} spec=${spec#* }
  iface=${spec%% *} spec=${spec#* }
}

# What these find is in $found, one a line; they leave the parts of some row behind.

# rows_with KIND [BACKEND]; fails where there is none.
rows_with() {
  found=''
  for row in $rows; do
    split_row "$row"
    if [ "$kind" = "$1" ] && [ "${2:-$backend}" = "$backend" ]; then note_found "$row"; fi
  done
  [ -n "$found" ]
}

# places_of KIND: rows "BACKEND POSITION SPEC".
places_of() {
  found=''
  for row in $rows; do
    split_row "$row"
    if [ "$kind" = "$1" ]; then note_found "$backend $place $spec"; fi
  done
}

# interfaces_of SYSTEM: of its rules.
interfaces_of() {
  found=''
  for row in $rows; do
    split_row "$row"
    if [ "$kind" = "$1" ]; then note_found "$iface"; fi
  done
}

note_found() { found="$found${found:+$NEWLINE}$1"; }
