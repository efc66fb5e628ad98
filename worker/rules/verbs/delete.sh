# Deleting rules, so that each can be put back where it was.

# delete_rules PLACES: in ascending order. -D deletes the first of several equal rules, so in this
# order each is noted with the place that it really had.
delete_rules() {
  gone_nft=0 gone_legacy=0
  for row in $1; do
    split_place "$row"
    change "$backend" -D "$spec" || return 1
    removed="$removed${removed:+$NEWLINE}$row"
    if [ "$backend" = nft ]; then
      noted "-D nft $((place - gone_nft)) $spec"
      gone_nft=$((gone_nft + 1))
    else
      noted "-D legacy $((place - gone_legacy)) $spec"
      gone_legacy=$((gone_legacy + 1))
    fi
  done
}
