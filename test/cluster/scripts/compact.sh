#!/bin/bash
# Forgets the history of etcd up to now: who watches on from an older resourceVersion gets 410 Gone. The API server answers
# from its own memory as long as it can: restart it afterwards, or compact while it is stopped.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

etcd() { inside node1 curl -sSf "http://127.0.0.1:2379/v3/$1" -d "$2"; }
revision=$(etcd kv/range '{"key":"AA=="}' | jq -r .header.revision)
etcd kv/compaction "{\"revision\":\"$revision\",\"physical\":true}"
