#!/usr/bin/env bash
# Two experiments of the smoke budget through a real Slurm, with the profile as it is
# shipped: everything is made, a second run has nothing to do, and the bits are those of a
# run without Slurm.
#
# smoke.sh [FOLDER]: a folder in which the smoke budget runs, to compare with when its file
# `whole` is there; without one, one model is trained here for that.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cluster=$root/tests/slurm/cluster.sh
cd "$root"

skip() { echo "skipped: $1"; exit 0; }
[ "$(id -u)" = 0 ] || skip "a Slurm of one's own needs root"
[ -e /etc/debian_version ] || skip "no Debian, whose packages of Slurm are used"
packages=(slurmctld slurmd slurm-client munge)
if ! dpkg --status "${packages[@]}" > /dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "${packages[@]}" > /dev/null
fi

folder=$(mktemp -d)
export SLURM_TEST_STATE=$folder/cluster
trap '"$cluster" stop; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
started=0
"$cluster" start || started=$?
[ "$started" != 3 ] || skip "another Slurm is on this machine"
[ "$started" = 0 ] || exit "$started"

made=$folder/made
limited() { timeout --kill-after=30 "${LIMIT:-900}" snakemake "$@"; }
# Beside the shipped profile only what a test needs: an early look at jobs, and a rule
# without a GPU that is a job too.
flow() {
    limited --profile slurm --directory "$made" --config budget=smoke \
        --configfile tests/slurm/experiments.yaml \
        --slurm-init-seconds-before-status-checks 1 \
        --set-resources table:slurm_partition=spare "$@"
}
prints() { # prints PATTERN COMMAND…: some line that it prints matches
    "${@:2}" > "$folder/told.txt" 2>&1 || { cat "$folder/told.txt"; exit 1; }
    grep -E -m1 "$1" "$folder/told.txt" || { cat "$folder/told.txt"; exit 1; }
}
jobs() { # jobs PATTERN: how many of the ended jobs match
    scontrol --oneliner show jobs | grep -c -E "$1" || true
}
planned() { # planned RULE…: how many jobs of these rules the dry run has told of
    awk -v rules=" $* " 'index(rules, " " $1 " ") && $2 ~ /^[0-9]+$/ { jobs[$1] = $2 }
        END { for (rule in jobs) sum += jobs[rule]; print sum }' "$folder/plan.txt"
}
holds() { [ "$2" "$3" "$4" ] && echo "$1: $2" || { echo "$1: $2, not $3 $4"; exit 1; }; }

echo "== dry run of the literal command: the paper"
prints "^train +[0-9]{2,}$" limited --profile slurm --dry-run
echo "== budget smoke"
flow --dry-run > "$folder/plan.txt" 2>&1
time flow
runs=$(jobs "Comment=rule_(tune|train)_.* TresPerJob=gres:gpu:1 ")
evaluations=$(jobs "Comment=rule_evaluate.* TresPerJob=gres:gpu:1 ")
tables=$(jobs "Partition=spare .*Comment=rule_table_")
holds "jobs of tune and train" "$runs" = "$(planned tune train)"
holds "jobs of evaluations" "$evaluations" = "$(planned evaluate)"
holds "jobs of tables" "$tables" = "$(planned table)"
holds "jobs in all" "$(jobs JobId=)" = $((runs + evaluations + tables))
echo "== once more"
prints "Nothing to be done" flow
(cd "$made" && timeout 120 fernn track --check)

echo "== against a run without Slurm"
reference=${1:-$folder/reference}
[ $# != 0 ] || limited --cores 2 --config budget=smoke --directory "$reference" \
    results/smoke/runs/translation/grnn/0/model.pt
until [ $# = 0 ] || [ -e "$reference/whole" ]; do sleep 1; done
python tests/slurm/compare.py "$made/results/smoke" "$reference/results/smoke"
