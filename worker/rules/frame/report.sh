# The document that every verb ends with: its form, with what every field means, is
# migration/rules/nodeReport.ts.

# The rules as the last snapshot saw them.
json_state() {
  printf '{"nft":%s,"legacy":%s,"kube2iam":%s,"kiam":%s,"inForce":"%s"}' \
    "$(json_array "$chain_nft" 's/.*/"&"/')" "$(json_array "$chain_legacy" 's/.*/"&"/')" \
    "$(json_places "$(places_of kube2iam)")" "$(json_places "$(places_of kiam)")" "$(in_force)"
}

json_backend() {
  printf '{"name":"%s","tool":%s,"state":"%s","detail":%s}' "$1" "$(json_string "$2")" "$3" "$(json_string "$4")"
}

# report OUTCOME: prints the document and ends the script.
report() {
  if [ "$before_chains" = "$(both_chains)" ]; then changed=false; else changed=true; fi
  system_json=null
  [ -z "$system" ] || system_json="\"$system\""
  printf '{"version":1,"verb":"%s","system":%s,"hostIp":"%s","bootId":%s,"outcome":"%s","changed":%s,"backends":[%s,%s],"before":%s,"after":%s,"removed":%s,"inserted":%s,"kube2iamRule":%s,"kube2iamRules":%s,"health":[%s],"kube2iamConnections":%s,"closed":%s,"findings":[%s]}\n' \
    "$VERB" "$system_json" "$host_ip" "$(json_string "$(boot_id)")" "$1" "$changed" \
    "$(json_backend nft "$tool_nft" "$state_nft" "$detail_nft")" \
    "$(json_backend legacy "$tool_legacy" "$state_legacy" "$detail_legacy")" \
    "$before_json" "$(json_state)" "$(json_places "$removed")" "$(json_places "$inserted")" \
    "$way_back_json" "$way_back_all_json" "$health" \
    "$(json_array "${left-$(connections)}" 's/^\(.*\) \([0-9]*\)$/{"address":"\1","port":\2}/')" \
    "$(json_array "$closed" 's/^\(.*\) \([0-9]*\) \([0-9]*\)$/{"address":"\1","port":\2,"idleSeconds":\3}/')" \
    "$findings" 2>/dev/null || :
  case $1 in
  ok) exit 0 ;;
  refused) exit 1 ;;
  undone) exit 3 ;;
  *) exit 4 ;;
  esac
}
