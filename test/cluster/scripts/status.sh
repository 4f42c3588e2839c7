#!/bin/bash
# Says how the cluster is: nodes, daemons, API server, DNS. Exits 0 when all of it is well, 3 when not.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

well=0
line() { printf '%-7s %-24s %s\n' "$1" "$2" "$3"; }
daemons() {
  [ "$1" != node1 ] || echo etcd kube-apiserver kube-controller-manager kube-scheduler
  echo containerd kubelet kube-proxy kube-router
}

[ -n "$(node_names)" ] || { echo "no cluster: npm run cluster -- up"; exit 3; }
for node in $(node_names); do
  if ! node_alive "$node"; then line "$node" "" "no power"; well=3; continue; fi
  for daemon in $(daemons "$node"); do
    if alive "$node" "$daemon"; then line "$node" "$daemon" "$(cat "$STATE/$node/run/$daemon.pid")"
    else line "$node" "$daemon" "not running; see $STATE/$node/log/$daemon.log"; well=3; fi
  done
done
if [ "$well" = 0 ] && kubectl get --raw /readyz --request-timeout=5s >/dev/null; then
  kubectl get nodes
  kubectl -n kube-system get deployment coredns
  ! kubectl get nodes --no-headers | grep -qv ' Ready ' || well=3
else
  well=3
fi
exit "$well"
