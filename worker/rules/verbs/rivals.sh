# Whether requests come to a system's rule: whose it is, and what may take them before it.

# serves SYSTEM INTERFACE: a rule of SYSTEM takes all of INTERFACE's traffic; where INTERFACE is not
# known (empty), any rule of SYSTEM will do.
serves() {
  rows_with "$1"
  for row in $found; do
    split_row "$row"
    if [ -z "$2" ] || covers "$iface" "$2"; then return 0; fi
  done
  return 1
}

# check_rivals SYSTEM INTERFACES: another program's rule must not take the requests of one of these
# INTERFACES before a rule of SYSTEM does. On the way back to kube2iam that is no reason to stop
# where it takes them already.
check_rivals() {
  every_rival=''
  for each in $2; do
    rivals_of "$1" "$each"
    every_rival="$every_rival${rivals:+$NEWLINE}$rivals"
  done
  each_once "$every_rival"
  for rival in $sorted; do
    split_row "$rival"
    rival_backend=$backend rival_place=$place rival_iface=$iface rival_spec=$spec
    [ "$kind" = competing ] || continue
    severity=problem
    if [ "$1" = kube2iam ] && ! shielded "$rival_backend" "$rival_place" kiam "$rival_iface"; then severity=notice; fi
    case $rival_spec in
    "-A $CHAIN "*) move=it ;;
    *) rival_spec="$rival_spec. $CHAIN jumps there" move="that jump" ;;
    esac
    "$severity" competing-rule "in the $rival_backend tables somebody else's rule for $METADATA comes before $1's: $rival_spec. It is not touched. Move $move behind $1's rule or remove it, then run again."
  done
}

# each_once LINES: sorted and without doubles, in $sorted.
each_once() {
  sorted=${1#"$NEWLINE"}
  case $sorted in *"$NEWLINE"*) sorted=$(printf '%s\n' "$sorted" | sort -u) ;; esac
}
