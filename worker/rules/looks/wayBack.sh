# What brings kube2iam back.

# What the way back needs: kube2iam's rules as they stand, else the one it would write.
note_way_back() {
  way_back_json=null
  all=$(
    for row in $(rows_with kube2iam); do
      split_row "$row"
      # Such a name no stack, and no command line, keeps: where it is unused, nothing is lost.
      if [ "$iface" = - ] || is_interface "$iface"; then printf '%s\n' "$backend $spec"; fi
    done
  )
  unique=''
  for entry in $all; do
    case "$NEWLINE$unique$NEWLINE" in *"$NEWLINE$entry$NEWLINE"*) continue ;; esac
    unique="$unique${unique:+$NEWLINE}$entry"
  done
  source=live
  if [ -z "$unique" ]; then
    source=derived backend=$default_backend iface=$interface
    for row in $(rows_with kiam); do
      split_row "$row"
      iface=${interface:-$iface}
      break
    done
    [ -z "$iface" ] || unique="$backend $(rule_spec "$iface" "$kube2iam_port")"
  fi
  way_back_all_json=$(json_captured "$unique")
  for entry in $unique; do
    way_back_json=$(json_array "$entry" 's/^\([a-z]*\) \(.*\)$/{"backend":"\1","spec":"\2","source":"'"$source"'"}/')
    way_back_json=${way_back_json#?}
    way_back_json=${way_back_json%?}
    break
  done
}
