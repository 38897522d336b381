"""Data.

REQUIRED INPUTS: none, or files in the folder FERNN_DATA.
OUTPUTS: results/{budget}/data/{source}.nc (the atlas), {experiment}/{split}.nc (recipes)
"""


rule fetch:
    output:
        atlas=f"results/{BUDGET}/data/{{source}}.nc",
    log:
        f"results/{BUDGET}/logs/fetch/{{source}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/fetch/{{source}}.tsv"
    priority: 1
    localrule: True  # nodes of a cluster may have no network
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("fetch"),
    params:
        source=lambda wildcards: json.dumps(PLAN["sources"][wildcards.source]),
    shell:
        "fernn fetch --source {params.source:q} --output {output.atlas:q} 2> {log:q}"


rule synthesize:
    input:
        atlas=atlas,
    output:
        recipe=f"results/{BUDGET}/data/{{experiment}}/{{split}}.nc",
    log:
        f"results/{BUDGET}/logs/synthesize/{{experiment}}.{{split}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/synthesize/{{experiment}}.{{split}}.tsv"
    priority: depth_first("synthesize")
    localrule: is_local("synthesize")
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("synthesize"),
    params:
        recipe=entry("{experiment}", "recipes", "{split}"),
    shell:
        "fernn synthesize --atlas {input.atlas:q} --recipe {params.recipe:q}"
        " --output {output.recipe:q} 2> {log:q}"
