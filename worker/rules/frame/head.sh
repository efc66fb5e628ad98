#!/bin/sh
# Looks at, removes and puts back the nat rules of kube2iam and kiam on one worker, and closes
# connections to kube2iam. There is a text for each verb, put together of the parts in these folders
# (assemble.ts says which):
#
#   inspect  FLAGS
#   remove   FLAGS --system kube2iam|kiam
#   restore  FLAGS --rule SPEC [--backend nft|legacy] [--rule SPEC …]
#   ensure   FLAGS --system kiam            kiam's rule is there, or is appended
#   drain    FLAGS [--idle SECONDS] --wait SECONDS [--left leave|close]
#   FLAGS: --host-ip IP --kube2iam-port N --kiam-port N [--interface NAME] [--kiam-interface NAME]
#          [--attempts N]
#   --interface is kube2iam's host interface, --kiam-interface kiam's where that is another one.
#
# Runs as root on the worker (SSH) or in a privileged hostNetwork pod there, by dash, bash or
# busybox, usually from standard input. One JSON document on stdout (its form, with what every
# field means: migration/rules/nodeReport.ts), words for people on stderr, and the exit status:
#   0 as asked for          1 refused, nothing touched     2 arguments refused, no document
#   3 changed, put back     4 changed, could NOT be put back
#
# A drain that has to stop in the middle is refused; its document has what it had closed by then.
#
# What it holds to:
# - Rules are recognised, deleted and put back by their full specification, never by number.
#   Numbers are only ever used to insert.
# - What cannot be checked counts as unsafe: then nothing is touched.
# - From the first change on it cannot be interrupted by HUP, INT, TERM or PIPE: it finishes or
#   undoes, also when its output is no longer read. A SIGKILL between two commands leaves
#   the rule there or gone, with the other system's rule in place either way.
# - Everything is a function and the last line starts it: half a script does nothing.
# - Nothing is written to the worker's disk (no temporary files, so no here-documents either): it
#   works with a full disk and a read-only root.
# - drain changes no rule, so it can be interrupted at any time, and it ends by itself: less than two
#   minutes after --wait, also where it goes on closing and waits until the kernel has forgotten that.
#
# When you change a part: give comments lines of their own. They and empty lines are left out of what
# goes to a worker, so that a stack's removals run again only when what they do has changed.

METADATA=169.254.169.254
CHAIN=PREROUTING
# Lists of more characters than this are gone through by grep and sed. A shorter one the shell goes
# through itself before they have even started.
LONG_LIST=50000
NEWLINE='
'
