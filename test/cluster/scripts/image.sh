#!/bin/bash
# Images as archives. Those of docker: layers are not compressed, which takes longer than all the rest.
#   image.sh make NAME BINARY ARCHIVE   one of the cluster's own. pause, coredns: the binary and nothing else.
#                                       node-base: Node.js, its libraries, a shell, certificates, user node (1000)
#   image.sh archive IMAGE ARCHIVE      an image of the cache's storage (npm run cluster -- buildah), else of the user's own
#   image.sh load ARCHIVE NODE          imports it; use it with imagePullPolicy IfNotPresent or Never
set -euo pipefail
source "$(dirname "$0")/lib.sh"

single_binary() {
  cp -L "$binary" "$work/$name"
  printf 'FROM scratch\nCOPY %s /\nENTRYPOINT ["/%s"]\n' "$name" "$name" >"$work/Containerfile"
}

node_base() {
  local root=$work/root applet lib
  mkdir -p "$root"/{bin,etc/ssl/certs,usr/local/bin,home/node,tmp}
  cp -L "$binary" "$root/usr/local/bin/node"
  ldd "$binary" | grep -o '/[^ ]*' | while read -r lib; do install -D "$lib" "$root$lib"; done
  # As wherever glibc is; terminals of @lydell/node-pty are linked with it.
  lib=$(ldd "$binary" | grep -o '/[^ ]*libc\.so[^ ]*')
  install -D "${lib%/*}/libutil.so.1" "$root${lib%/*}/libutil.so.1"
  cp /bin/busybox "$root/bin/"
  for applet in sh cat ls mkdir rm cp mv ln chmod sleep env id echo head tail grep wc touch stat true false kill ps date \
    find sort tr cut sed tar gzip mktemp mkfifo dirname basename pwd test printf sha256sum; do ln -s busybox "$root/bin/$applet"; done
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf 'root:x:0:0::/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnode:x:1000:\n' >"$root/etc/group"
  chown 1000:1000 "$root/home/node"
  chmod 1777 "$root/tmp"
  cat >"$work/Containerfile" <<'CONTAINERFILE'
FROM scratch
COPY root /
ENV PATH=/usr/local/bin:/bin HOME=/home/node SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
WORKDIR /home/node
CMD ["node"]
CONTAINERFILE
}

make() {
  name=$1 binary=$2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  if [ "$name" = node-base ]; then node_base; else single_binary; fi
  "$HERE/buildah.sh" bud --quiet --tag "localhost/$name:1" "$work"
  mkdir -p "$(dirname "$3")"
  archive "localhost/$name:1" "$3"
}

archive() {
  local buildah name
  for buildah in "$HERE/buildah.sh" buildah; do
    name=$("$buildah" inspect --type image --format '{{.FromImage}}' "$1" 2>/dev/null) || continue
    "$buildah" push --quiet "$name" "docker-archive:$2.$$:$name"
    mv "$2.$$" "$2"
    return
  done
  fail "no image $1, neither in \"npm run cluster -- buildah images\" nor in \"buildah images\""
}

case $1 in
make) make "$2" "$3" "$4" ;;
archive) archive "$2" "$3" ;;
load) inside "$3" ctr --namespace k8s.io images import "$2" ;;
*) fail "make, archive or load" ;;
esac
