"""Result cubes.

REQUIRED INPUTS: results/{budget}/runs/, results/{budget}/data/
OUTPUTS: results/{budget}/cubes/{experiment}/{axis}.nc
"""


rule evaluate:
    input:
        checkpoints=checkpoints,
        histories=histories,
        recipe=test_set,
        atlas=atlas,
    output:
        shard=f"results/{BUDGET}/shards/{{experiment}}/{{axis}}/{{model}}.nc",
    log:
        f"results/{BUDGET}/logs/evaluate/{{experiment}}.{{axis}}.{{model}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/evaluate/{{experiment}}.{{axis}}.{{model}}.tsv"
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=8000,
        runtime=lambda wildcards, attempt: 240 * attempt,
    params:
        checkpoints=lambda wildcards, input: (
            ["--checkpoints", *input.checkpoints] if input.checkpoints else []
        ),
        baseline=baseline,
        statistic=entry("{experiment}", "axes", "{axis}", "statistic"),
        spec=entry("{experiment}", "axes", "{axis}", "spec"),
        seeds=SEEDS,
        shown=shown,
        key=f"{BUDGET}/{{experiment}}/{{model}}/test",
    shell:
        "fernn evaluate --name {wildcards.model} {params.checkpoints:q}"
        " {params.baseline:q}"
        " --recipe {input.recipe:q} --atlas {input.atlas:q}"
        " --seeds {params.seeds} --statistic {params.statistic} --spec {params.spec:q}"
        " --key {params.key:q} --shown {params.shown:q}"
        " --output {output.shard:q} 2> {log:q}"


rule combine:
    input:
        shards=shards,
    output:
        cube=f"results/{BUDGET}/cubes/{{experiment}}/{{axis}}.nc",
    log:
        f"results/{BUDGET}/logs/combine/{{experiment}}.{{axis}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/combine/{{experiment}}.{{axis}}.tsv"
    conda:
        "../../envs/fernn.yaml"
    resources:
        mem_mb=4000,
        runtime=20,
    params:
        attrs=entry("{experiment}", "attrs"),
    shell:
        "fernn combine --shards {input.shards:q} --axis {wildcards.axis}"
        " --attrs {params.attrs:q} --output {output.cube:q} 2> {log:q}"
