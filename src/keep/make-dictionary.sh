#!/usr/bin/env bash
# Makes src/keep/transcripts.dict from the recorded fixtures: the zstd dictionary for transcripts of the client that recorded them.
# Frames that were compressed with a dictionary need exactly its bytes, so a new one gets a new name in dictionary.rs and the old
# file stays.
set -euo pipefail
cd "$(dirname "$0")/../.."
to=${1:-src/keep/transcripts.dict}
find fixtures/transcripts -name '*.jsonl' -print0 | LC_ALL=C sort -z | xargs -0 zstd --quiet --train -B8192 --maxdict=32768 --dictID=2129 -o "$to" -f
