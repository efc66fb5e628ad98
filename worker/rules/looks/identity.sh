# Which machine this is, and whether it is the one meant.

# The id of this boot in $boot. Should a kernel give it to the first read only (see memory_of_closed),
# what dash reads byte by byte is none.
boot_id() {
  read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id || boot=''
  case $boot in ????????-????-????-????-????????????) return ;; esac
  boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)
}

# Is --host-ip one of this machine's addresses? Rules for another node's address would be written
# to the wrong machine otherwise. Its IPv4 addresses, one a line, are in $own.
check_node() {
  if [ "$(id -u)" != 0 ]; then
    problem not-root "runs as $(id -un 2>/dev/null || id -u), but reading nat rules takes root. Over SSH: give the user sudo without a password."
  fi
  if [ ! -r /proc/net/fib_trie ]; then
    problem wrong-node "/proc/net/fib_trie cannot be read, so whether $host_ip is this machine's address is not known."
  else
    own=$(sed -n -e '/|-- /{s/.*|-- //;h;}' -e '/host LOCAL/{g;p;}' /proc/net/fib_trie)
    case "$NEWLINE$own$NEWLINE" in
    *"$NEWLINE$host_ip$NEWLINE"*) ;;
    *) problem wrong-node "$host_ip is not an address of this machine ($(uname -n)): this is another node than the one meant. Check the worker's address, the SSH host and its pinned key." ;;
    esac
  fi
}
