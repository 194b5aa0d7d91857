#!/bin/sh
# Writes a table of pairs for data.paired: every image of SOURCE beside the image of that name in TARGET, its slide the first
# CHARACTERS of the name.
#
#   pairs.sh SOURCE TARGET CHARACTERS > pairs.csv
set -eu
echo source,target,slide
for f in "$1"/*; do
  name=${f##*/}
  echo "$f,$2/$name,$(printf %s "$name" | cut -c "1-$3")"
done
