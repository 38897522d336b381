"""The tracker: a view of the spools, kept up while the workflow runs, checked at the end.

REQUIRED INPUTS: the spools of all outputs
OUTPUTS: results/mlflow/, results/{budget}/tracking.json
"""


rule track:
    input:
        figures(),
        tables(),
    output:
        counts=f"results/{BUDGET}/tracking.json",
    log:
        f"results/{BUDGET}/logs/track.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/track.tsv"
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("track"),
    shell:
        "fernn track --check --output {output.counts:q} > {log:q} 2>&1"
