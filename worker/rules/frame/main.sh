# Starts the verb. Last of all parts: half a script does nothing.

main() {
  # Nothing is a file name pattern here.
  set -f
  IFS=$NEWLINE
  LC_ALL=C
  PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export LC_ALL PATH
  problems=0 findings='' health='' removed='' inserted='' closed=''
  # Who is connected to kube2iam, as rows "ADDRESS PORT", once that was looked for.
  unset left
  arguments "$@"
  find_http_client
  act
}

{
  main "$@" </dev/null
  # shellcheck disable=SC2317 # where main came back
  exit
}
