#!/bin/bash
# Makes sure that COUNT local volumes exist on a node: volumes.sh COUNT NODE. There is no provisioner: a claim takes one
# of them for good (they honour fsGroup, ReadWriteOnce and node affinity like any local disk).
set -euo pipefail
source "$(dirname "$0")/lib.sh"

node=$2
for i in $(seq "$1"); do
  mkdir -p "$STATE/volumes/$node/$i"
  cat <<YAML
---
apiVersion: v1
kind: PersistentVolume
metadata: { name: $node-$i }
spec:
  capacity: { storage: 10Gi }
  accessModes: [ReadWriteOnce]
  storageClassName: local
  persistentVolumeReclaimPolicy: Retain
  local: { path: $STATE/volumes/$node/$i }
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/hostname, operator: In, values: [$node] }] }] } }
YAML
done | kubectl apply -f -
