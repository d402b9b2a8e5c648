#!/bin/sh
# Makes an installation ready, and does no harm when repeated: the schema, the key and the broker's user of each site named, a first
# key for its admin.
set -eu
umask 077
keys=${KEYS:-/keys}

orchestrator db migrate
for site in "$@"; do
    orchestrator site new "$site" --out "$keys/$site"
done
if [ ! -s "$keys/admin/api.key" ]; then
    python -c 'if True:
        from orchestrator.config import load_settings
        from orchestrator.services.keys import ensure_admin_key
        from orchestrator.storage.database import make_engine
        print(ensure_admin_key(make_engine(load_settings().require_database_url())))
    ' >"$keys/admin/api.key"
fi
