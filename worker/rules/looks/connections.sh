# Who is connected to kube2iam, as the kernel lists it.

# Established connections to kube2iam's port: rows "ADDRESS PORT" in $left. The kernel prints addresses as
# words in host byte order (little-endian wherever kiam runs); a Go server's IPv4 peers are in tcp6.
connections() {
  port_hex=$(printf '%04X' "$kube2iam_port")
  byte='([0-9A-F]{2})'
  peers=$(sed -nE "s/^ *[0-9]+: [0-9A-F]+:$port_hex ([0-9A-F]*)$byte$byte$byte$byte:([0-9A-F]{4}) 01 .*/\\1. \\5 \\4 \\3 \\2 \\6/p" \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null)
  left=''
  for peer in $peers; do
    split_words "$peer" ' '
    # shellcheck disable=SC2086 # one word a line
    set -- $words
    case $1 in
    . | 0000000000000000FFFF0000.) address=$((0x$2)).$((0x$3)).$((0x$4)).$((0x$5)) ;;
    *) address=$(printf '%s\n' "${1%.}$5$4$3$2" | sed -E 's/(..)(..)(..)(..)/\4\3:\2\1:/g; s/:$//') ;;
    esac
    left="$left${left:+$NEWLINE}$address $((0x$6))"
  done
}
