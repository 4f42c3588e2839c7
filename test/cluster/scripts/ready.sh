#!/bin/bash
# Waits for one thing of a cluster that is coming up: ready.sh node NAME | service-account | dns
set -euo pipefail
source "$(dirname "$0")/lib.sh"

dns_ready() { kubectl -n kube-system wait --for=condition=Available deployment/coredns --timeout=1s; }

case $1 in
node) wait_for 60 "node $2 to be Ready" "$STATE/$2/log/kubelet.log" node_ready "$2" ;;
service-account)
  wait_for 60 "the default ServiceAccount" "$STATE/node1/log/kube-controller-manager.log" kubectl -n default get serviceaccount default
  ;;
dns) wait_for 60 "Deployment kube-system/coredns to be Available" "$STATE/node1/log/kubelet.log" dns_ready ;;
*) fail "node NAME, service-account or dns" ;;
esac
