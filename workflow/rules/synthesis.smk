"""Data.

REQUIRED INPUTS: none, or files of digits in the folder FERNN_DATA.
OUTPUTS: results/{budget}/data/{source}.nc (the atlas), {experiment}/{split}.nc (recipes)
"""


rule fetch:
    output:
        atlas=f"results/{BUDGET}/data/{SOURCE}.nc",
    log:
        f"results/{BUDGET}/logs/fetch/{SOURCE}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/fetch/{SOURCE}.tsv"
    localrule: True  # nodes of a cluster may have no network
    conda:
        "../../envs/fernn.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * 2 ** (attempt - 1),
        runtime=30,
    params:
        source=json.dumps({k: v for k, v in PLAN["source"].items() if k != "name"}),
    shell:
        "fernn fetch --source {params.source:q} --output {output.atlas:q} 2> {log:q}"


rule synthesize:
    input:
        atlas=f"results/{BUDGET}/data/{SOURCE}.nc",
    output:
        recipe=f"results/{BUDGET}/data/{{experiment}}/{{split}}.nc",
    log:
        f"results/{BUDGET}/logs/synthesize/{{experiment}}.{{split}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/synthesize/{{experiment}}.{{split}}.tsv"
    localrule: beside("synthesize")
    conda:
        "../../envs/fernn.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * 2 ** (attempt - 1),
        runtime=10,
    params:
        recipe=entry("{experiment}", "recipes", "{split}"),
    shell:
        "fernn synthesize --atlas {input.atlas:q} --recipe {params.recipe:q}"
        " --output {output.recipe:q} 2> {log:q}"
