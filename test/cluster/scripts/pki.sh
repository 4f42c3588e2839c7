#!/bin/bash
# One CA, a certificate for each component, and kubeconfigs: pki.sh NODE_NUMBER…; keeps what is there.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

mkdir -p "$PKI"
cd "$PKI"
umask 077
new_key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }

# leaf NAME SUBJECT EXTENSIONS
leaf() {
  [ ! -e "$1.crt" ] || return 0
  new_key "$1.key"
  openssl req -new -key "$1.key" -subj "$2" |
    openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -extfile <(printf '%s\n' "$3") -out "$1.crt.new"
  mv "$1.crt.new" "$1.crt"
}
server() { leaf "$1" "/CN=$2" "subjectAltName=$3
extendedKeyUsage=serverAuth"; }

# client NAME SUBJECT FILE: a client certificate inside a kubeconfig.
client() {
  leaf "$1" "$2" extendedKeyUsage=clientAuth
  [ -e "$3" ] || cat >"$3" <<YAML
apiVersion: v1
kind: Config
current-context: test
contexts: [{ name: test, context: { cluster: test, user: $1 } }]
clusters: [{ name: test, cluster: { server: "$API", certificate-authority-data: $(base64 -w0 ca.crt) } }]
users: [{ name: $1, user: { client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key") } }]
YAML
}

if [ ! -e ca.crt ]; then
  new_key ca.key
  new_key sa.key
  openssl pkey -in sa.key -pubout -out sa.pub
  openssl req -x509 -key ca.key -days 3650 -subj /CN=noisefleet-test-ca -out ca.crt.new
  mv ca.crt.new ca.crt
fi
service=DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local
server apiserver kube-apiserver "$service,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:$SUBNET.1"
leaf apiserver-kubelet /O=system:masters/CN=apiserver-kubelet extendedKeyUsage=clientAuth
leaf front-proxy /CN=front-proxy extendedKeyUsage=clientAuth
client admin /O=system:masters/CN=admin "$KUBECONFIG"
client manager /CN=system:kube-controller-manager manager.conf
client scheduler /CN=system:kube-scheduler scheduler.conf
client proxy /CN=system:kube-proxy proxy.conf
for n in "$@"; do
  server "node$n-serving" "system:node:node$n" "DNS:node$n,IP:127.0.0.1,IP:$SUBNET.$n"
  client "node$n" "/O=system:nodes/CN=system:node:node$n" "node$n.conf"
done
