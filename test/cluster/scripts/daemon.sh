#!/bin/bash
# Starts or ends one daemon, for set-up and for outage tests: daemon.sh start|stop|kill|restart NAME [NODE]
# NODE is node1 unless given. NAME: etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy
# kube-router containerd. start returns when the daemon can be used (where that can be asked), or says which log to read.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

action=$1 name=$2 node=${3:-node1}
ip=$SUBNET.${node#node}

command_line() {
  case $name in
  containerd) echo containerd --config "$STATE/$node/etc/containerd.toml" ;;
  etcd) echo "$BIN/etcd" --name main --data-dir "$STATE/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster main=http://127.0.0.1:2380 ;;
  kube-apiserver) echo "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:2379 \
    --bind-address="$ip" --advertise-address="$ip" --secure-port=6443 --service-cluster-ip-range="$SERVICE_CIDR" \
    --audit-policy-file="$CONFIG/audit.yaml" --audit-log-path="$STATE/audit.log" --audit-log-maxsize=100 --audit-log-maxbackup=1 \
    --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true \
    --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" --tls-private-key-file="$PKI/apiserver.key" \
    --kubelet-client-certificate="$PKI/apiserver-kubelet.crt" --kubelet-client-key="$PKI/apiserver-kubelet.key" \
    --kubelet-certificate-authority="$PKI/ca.crt" --kubelet-preferred-address-types=InternalIP \
    --service-account-issuer=https://kubernetes.default.svc.cluster.local \
    --service-account-signing-key-file="$PKI/sa.key" --service-account-key-file="$PKI/sa.pub" \
    --requestheader-client-ca-file="$PKI/ca.crt" --requestheader-allowed-names=front-proxy \
    --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
    --requestheader-extra-headers-prefix=X-Remote-Extra- --enable-aggregator-routing=true \
    --proxy-client-cert-file="$PKI/front-proxy.crt" --proxy-client-key-file="$PKI/front-proxy.key" ;;
  kube-controller-manager) echo "$BIN/kube-controller-manager" --bind-address=127.0.0.1 --leader-elect=false \
    --kubeconfig="$PKI/manager.conf" --authentication-kubeconfig="$PKI/manager.conf" --authorization-kubeconfig="$PKI/manager.conf" \
    --use-service-account-credentials --service-account-private-key-file="$PKI/sa.key" --root-ca-file="$PKI/ca.crt" \
    --cluster-signing-cert-file="$PKI/ca.crt" --cluster-signing-key-file="$PKI/ca.key" \
    --node-monitor-grace-period=20s --kube-api-qps=200 --kube-api-burst=400 --cert-dir="$STATE/$node/run" ;;
  kube-scheduler) echo "$BIN/kube-scheduler" --bind-address=127.0.0.1 --leader-elect=false \
    --kube-api-qps=200 --kube-api-burst=400 --cert-dir="$STATE/$node/run" \
    --kubeconfig="$PKI/scheduler.conf" --authentication-kubeconfig="$PKI/scheduler.conf" --authorization-kubeconfig="$PKI/scheduler.conf" ;;
  kubelet) echo "$BIN/kubelet" --config="$STATE/$node/etc/kubelet.yaml" --kubeconfig="$PKI/$node.conf" \
    --hostname-override="$node" --node-ip="$ip" --cert-dir="$STATE/$node/run" ;;
  kube-proxy) echo "$BIN/kube-proxy" --kubeconfig="$PKI/proxy.conf" --hostname-override="$node" --proxy-mode=iptables \
    --cluster-cidr="$POD_CIDR" --conntrack-max-per-core=0 --conntrack-min=0 \
    --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s ;;
  kube-router) echo "$BIN/kube-router" --kubeconfig="$KUBECONFIG" --hostname-override="$node" --run-firewall \
    --run-router=false --run-service-proxy=false --run-loadbalancer=false --service-cluster-ip-range="$SERVICE_CIDR" ;;
  *) fail "unknown daemon $name" ;;
  esac
}

usable() {
  case $name in
  containerd) inside "$node" ctr version ;;
  etcd) inside "$node" curl -sSf http://127.0.0.1:2379/health ;;
  kube-apiserver) kubectl get --raw /readyz ;;
  esac
}
usable_or_ended() { ! alive "$node" "$name" || usable; }

start() {
  local words log=$STATE/$node/log/$name.log
  node_alive "$node" || fail "$node is not up"
  read -ra words <<<"$(command_line)"
  launch "$node" "$name" "${words[@]}"
  wait_for 60 "$name" "$log" usable_or_ended
  alive "$node" "$name" || fail "$name ended; see $log
$(tail -n 5 "$log")"
}

command_line >/dev/null    # refuses a name that it does not know
case $action in
start) start ;;
stop) halt "$node" "$name" TERM ;;
kill) halt "$node" "$name" KILL ;;
restart) halt "$node" "$name" TERM; start ;;
*) fail "start, stop, kill or restart" ;;
esac
