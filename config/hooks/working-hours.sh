#!/bin/sh
# Approves from Monday to Friday in working hours (UTC) and has no opinion at other times: with `required: true` whatever
# else approves waits until somebody is at work. Renewals should not: name the requesters who join.
#
#   script:
#     command: [working-hours.sh, "8", "18"]
#     required: true
#     requesters: { groups: ["system:bootstrappers"] }
#
# A request that waits is asked about again every few minutes.
set -eu

from=${1:?the first hour, for example 8}
to=${2:?the hour that is no longer one, for example 18}

# The time stands at the beginning of the document. Looking for it anywhere else would find what a requester wrote: names
# of labels and annotations are theirs to choose.
document=$(cat)
now=${document#'{"apiVersion":"gatehouse.dev/v1","kind":"Review","now":"'}
if [ "$now" = "$document" ]; then
  echo "the document does not begin as it should" >&2
  exit 1
fi
now=${now%%\"*}

day=$(date -u -d "${now%%T*}" +%u)
hour=${now#*T}
hour=${hour%%:*}
hour=${hour#0}

if [ "$day" -le 5 ] && [ "$hour" -ge "$from" ] && [ "$hour" -lt "$to" ]; then
  exit 114 # approve
fi
printf '{"decision":"noOpinion","reason":"OutsideWorkingHours","message":"waits for working hours, %s to %s UTC"}\n' "$from" "$to"
