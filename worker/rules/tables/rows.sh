# The rows that the last snapshot left in $rows, by kind and system.

# split_row ROW sets backend place kind iface spec.
split_row() {
  spec=$1
  backend=${spec%% *} spec=${spec#* }
  place=${spec%% *} spec=${spec#* }
  kind=${spec%% *} spec=${spec#* }
  iface=${spec%% *} spec=${spec#* }
}

# rows_with KIND [BACKEND]
rows_with() {
  for row in $rows; do
    split_row "$row"
    if [ "$kind" = "$1" ] && [ "${2:-$backend}" = "$backend" ]; then printf '%s\n' "$row"; fi
  done
}

# places_of KIND [BACKEND]: rows "BACKEND POSITION SPEC".
places_of() {
  for row in $(rows_with "$@"); do
    split_row "$row"
    printf '%s\n' "$backend $place $spec"
  done
}

# interfaces_of SYSTEM: of its rules, one a line.
interfaces_of() {
  for row in $(rows_with "$1"); do
    split_row "$row"
    printf '%s\n' "$iface"
  done
}
