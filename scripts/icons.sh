#!/usr/bin/env bash
# icons.sh: draws icons/icon.svg in every size and format that the packages need. Run it after changing the drawing.

. "$(dirname "$0")/common.sh"

scripts/setup.sh dist
drawn=$(mktemp -d)
trap 'rm -rf "$drawn"' EXIT
"$TOOLS/tauri-cli/node_modules/.bin/tauri" icon icons/icon.svg --output "$drawn"
for file in 32x32.png 128x128.png 128x128@2x.png icon.png icon.icns icon.ico; do
    cp "$drawn/$file" "icons/$file"
done
