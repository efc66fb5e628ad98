# The document that every verb ends with: its form, with what every field means, is
# migration/rules/nodeReport.ts.

# The rules as the last snapshot saw them, in $json. What in_force sets is set then.
json_state() {
  json_array text "$chain_nft"
  state_json="{\"nft\":$json"
  json_array text "$chain_legacy"
  state_json="$state_json,\"legacy\":$json"
  for state_system in kube2iam kiam; do
    places_of "$state_system"
    json_array place "$found"
    state_json="$state_json,\"$state_system\":$json"
  done
  in_force
  json="$state_json,\"inForce\":\"$first\"}"
}

# json_backend NAME TOOL STATE DETAIL
json_backend() {
  json_string "$2"
  backend_json="{\"name\":\"$1\",\"tool\":$json,\"state\":\"$3\",\"detail\":"
  json_string "$4"
  json="$backend_json$json}"
}

# member NAME: adds what is in $json to the document.
member() { document="$document,\"$1\":$json"; }

# report OUTCOME: prints the document and ends the script.
report() {
  document="{\"version\":1,\"verb\":\"$VERB\""
  json=null
  [ -z "$system" ] || json="\"$system\""
  member system
  json="\"$host_ip\""; member hostIp
  boot_id
  json_string "$boot"; member bootId
  json="\"$1\""; member outcome
  if [ "$before_chains" = "$both_chains" ]; then json=false; else json=true; fi
  member changed
  json_backend nft "$tool_nft" "$state_nft" "$detail_nft"
  backends_json=$json
  json_backend legacy "$tool_legacy" "$state_legacy" "$detail_legacy"
  json="[$backends_json,$json]"; member backends
  json=$before_json; member before
  json_state; member after
  json_array place "$removed"; member removed
  json_array place "$inserted"; member inserted
  json=$way_back_json; member kube2iamRule
  json=$way_back_all_json; member kube2iamRules
  json="[$health]"; member health
  if [ -z "${left+looked}" ]; then connections; fi
  json_array client "$left"; member kube2iamConnections
  json_array closed "$closed"; member closed
  json="[$findings]"; member findings
  printf '%s\n' "$document}" 2>/dev/null || :
  case $1 in
  ok) exit 0 ;;
  refused) exit 1 ;;
  undone) exit 3 ;;
  *) exit 4 ;;
  esac
}
