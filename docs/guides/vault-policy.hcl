# What the operator may do in Vault or OpenBao, for a KV engine (version 2) mounted at "kv" and a cluster called "production".
# It may touch nothing outside of its cluster's part of the engine. Each capability is used: test/vault takes them away one by one.

# The keys themselves. "create" is not among them: an entry gets its owner before its key, so that it is there when the key is written.
path "kv/data/production/*" {
  capabilities = ["update", "read"]
}

# Whose they are, what became of them, and their end: deleting the metadata deletes every version.
path "kv/metadata/production/*" {
  capabilities = ["create", "update", "read", "list", "delete"]
}

# Its own token, when the role has no default policy.
path "auth/token/renew-self" {
  capabilities = ["update"]
}
