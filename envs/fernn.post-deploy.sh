#!/usr/bin/env bash
# Runs once in each new conda environment: install this checkout at the tested versions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python -m pip install --quiet --constraint "$here/constraints.txt" "$here/..[kth]"
