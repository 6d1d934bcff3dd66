#!/bin/sh
# Starts Alertmanager with ALERT_WEBHOOK_URL as its receiver: it reads no environment variables. Arguments are passed on.
set -eu
umask 077 # the URL may contain a token
config=${TMPDIR:-/tmp}/alertmanager.yml

cat "$(dirname "$0")/alertmanager.yml" > "$config"
if [ -n "${ALERT_WEBHOOK_URL:-}" ]; then # completes the receiver, the last entry of the file
  url=$(printf '%s' "$ALERT_WEBHOOK_URL" | sed "s/'/''/g") # as YAML quotes it
  printf "    webhook_configs: [{ url: '%s' }]\n" "$url" >> "$config"
fi
exec alertmanager --config.file="$config" "$@"
