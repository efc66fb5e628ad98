# What brings kube2iam back.

# What the way back needs: kube2iam's rules as they stand, else the one it would write.
note_way_back() {
  way_back_json=null
  unique=''
  rows_with kube2iam
  for row in $found; do
    split_row "$row"
    # Such a name no stack, and no command line, keeps: where it is unused, nothing is lost.
    [ "$iface" = - ] || is_interface "$iface" || continue
    case "$NEWLINE$unique$NEWLINE" in *"$NEWLINE$backend $spec$NEWLINE"*) continue ;; esac
    unique="$unique${unique:+$NEWLINE}$backend $spec"
  done
  source=live
  if [ -z "$unique" ]; then
    rows_with kiam
    source=derived backend=$default_backend iface=$interface
    for row in $found; do
      split_row "$row"
      iface=${interface:-$iface}
      break
    done
    if [ -n "$iface" ]; then
      rule_spec "$iface" "$kube2iam_port"
      unique="$backend $written"
    fi
  fi
  json_array captured "$unique"
  way_back_all_json=$json
  if [ -n "$unique" ]; then
    json_array captured "${unique%%"$NEWLINE"*}"
    json=${json#"["}
    way_back_json="${json%"}]"},\"source\":\"$source\"}"
  fi
}
