#!/bin/sh
# The first process of a node: gives it its own files, then stays. When it ends, the kernel ends
# every process of the node. Runs in new network, mount, host name and process namespaces.
#   machine-init.sh <name> <node's directory> <lab's control group> <name=path of a binary>...
# /run, /etc, /var/lib, /var/log and some of /proc are the node's own afterwards; the rest is
# the machine's. Nothing is written outside the node's directory. Executable files of the node's
# own /etc/boot.d run last, as units before the kubelet would; the node has its address by then,
# and not yet its bridge. One that fails keeps the node from booting.
set -eu
name=$1 home=$2 lab=$3
shift 3

hostname "$name"
mount --make-rprivate /
mount -t proc proc /proc

# Each file in proc/ stands in for one of the machine's: the boot id, and the kernel settings
# that a kubelet would otherwise change for the whole machine.
for file in "$home"/proc/*; do
  target=/proc/sys/$(basename "$file" | tr : /)
  [ ! -e "$target" ] || mount --bind "$file" "$target"
done

# The node's control group is the root of all that it sees. The machine's mounts must go, not
# just be covered: runc takes the first that it finds in the list of mounts.
root=/sys/fs/cgroup
if [ -f "$root/cgroup.controllers" ]; then
  mount --bind "$root/$lab/$name" "$home/cgroup"
else
  mount -t tmpfs -o mode=0755 cgroup "$home/cgroup"
  for group in "$root"/*/"$lab"/"$name"; do
    hierarchy=${group#"$root"/}
    mkdir "$home/cgroup/${hierarchy%%/*}"
    mount --bind "$group" "$home/cgroup/${hierarchy%%/*}"
  done
  # Controllers that share a hierarchy have their own names as links to it.
  find "$root" -maxdepth 1 -type l -exec cp -P {} "$home/cgroup/" ';'
fi
umount --lazy --recursive "$root"
mount --move "$home/cgroup" "$root"

# Copies of other namespaces' mounts would keep them in use.
if mountpoint -q /run/netns; then umount -l /run/netns; fi
mkdir -p "$home/run"
mount -t tmpfs -o mode=0755 run "$home/run"
mkdir -p "$home/run/lock" "$home/run/sshd" "$home/run/netns" "$home/run/bin" "$home/run/home/ubuntu"
chown 20000:20000 "$home/run/home/ubuntu"
for binary in "$@"; do
  : >"$home/run/bin/${binary%%=*}"
  mount --bind "${binary#*=}" "$home/run/bin/${binary%%=*}"
done

# Listed now: the machine's own files would be among them later.
boot_scripts=$(find "$home/etc" -path "$home/etc/boot.d/*.sh" -perm -100 | sort)

mount -t overlay -o "lowerdir=/etc,upperdir=$home/etc,workdir=$home/etc-work" etc /etc
mount --bind "$home/var-log" /var/log
mount --rbind "$home/run" /run
# Last: it may hide the node's directory itself.
mount --bind "$home/var-lib" /var/lib
# Containers with mountPropagation expect a shared tree, as on any systemd machine.
mount --make-rshared /

for script in $boot_scripts; do
  "/etc/boot.d/${script##*/}" >&2
done

: >/run/machine-ready
# A child that never ends keeps this shell waiting, and waiting is what reaps orphans.
sleep infinity &
while :; do wait; done
