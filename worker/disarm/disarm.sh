#!/bin/sh
# Runs in a container of kube2iam whose preStop hook deletes nat rules: puts a program that does
# nothing in the place of every tool that could. The hook still runs when its pod goes, and finds
# only that. Nothing restarts, and no rule is touched.
#
#   disarm.sh ROOT KEPT
#
# ROOT: what stands before every path; empty in a container, a directory of fake tools in tests.
# KEPT: directory in which the real tools stay reachable by their names.
#
# Prints the files it replaced, one a line. Exit 0: every tool that can be found is disarmed, and
# the real ones work from KEPT. 1: not so; stderr says why. Safe to run again: what is done is left
# alone, what a restart of the container brought back is done anew.
# Needs a POSIX shell, and coreutils or busybox.

set -f # nothing is a file name pattern here
root=$1
kept=$1$2

tools='iptables iptables-save iptables-restore
    iptables-nft iptables-nft-save iptables-nft-restore
    iptables-legacy iptables-legacy-save iptables-legacy-restore
    xtables-multi xtables-nft-multi xtables-legacy-multi nft'

nothing='#!/bin/sh
# kube2iam-to-kiam put this here, so that the preStop hook does not delete the rule of kiam.
exit 0'

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The hook's own search path, and where such tools live if it names them by path.
directories() {
    printf '%s\n' "$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" |
        tr ':' '\n' | grep '^/'
}

# is_nothing FILE: what it runs, links followed, is the program that does nothing.
is_nothing() {
    [ "$(head -c "${#nothing}" "$1" 2>/dev/null | tr -d '\0')" = "$nothing" ]
}

# for_each COMMAND: with tool and file, for every tool that is there and can still do something.
for_each() {
    for directory in $(directories); do
        for tool in $tools; do
            file=$root$directory/$tool
            [ -e "$file" ] || continue
            found=yes
            is_nothing "$file" || "$1" "$tool" "$file"
        done
    done
}

# A front end that picks nft or legacy when it is first called (iptables-wrappers) replaces itself
# then: better now than when it is called from KEPT.
settle() {
    case $1 in iptables) "$2" --version >/dev/null 2>&1 </dev/null ;; esac
}

# The program itself is copied aside, beside where it is: KEPT may be on a file system that runs
# nothing (a host's /run). A program of many names goes by the one it is called.
keep() {
    [ ! -x "$kept/$1" ] || return 0
    real=$(readlink -f "$2") || fail "$2 leads nowhere"
    aside=${real%/*}/.kube2iam-to-kiam
    if ! { mkdir -p "$aside" "$kept" && cp -p "$real" "$aside" &&
        ln -sf "$aside/${real##*/}" "$kept/$1"; }; then
        fail "$real could not be kept (a read-only file system, or not run as root?)"
    fi
}

# In one step: nobody ever finds half a program, or none.
disarm() {
    if ! { printf '%s\n' "$nothing" >"$2.disarmed" && chmod 755 "$2.disarmed" &&
        mv -f "$2.disarmed" "$2"; }; then
        fail "$2 could not be replaced (a read-only file system, or not run as root?)"
    fi
    printf '%s\n' "$2"
}

still_armed() { fail "$2 was replaced, and is still the real one"; }

main() {
    found=no
    for_each settle
    # All are kept before the first is replaced: several names can lead to one program.
    for_each keep
    for_each disarm
    for_each still_armed
    if [ "$found" = no ]; then
        fail "no iptables and no nft was found here, so whatever the hook uses cannot be disarmed"
    fi

    # As the hook's shell would find them.
    search=''
    for directory in $(directories); do search=$search:$root$directory; done
    for tool in $tools; do
        file=$(PATH=${search#:} command -v "$tool") || continue
        is_nothing "$file" || fail "$tool is still $file"
    done
    if [ -e "$kept/iptables" ] && [ -z "$("$kept/iptables" --version 2>/dev/null </dev/null)" ]; then
        fail "iptables does not work from $kept"
    fi
}

# Half a script, as a connection that breaks leaves it, does nothing.
main
