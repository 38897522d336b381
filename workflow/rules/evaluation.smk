"""Result cubes.

REQUIRED INPUTS: results/{budget}/runs/, results/{budget}/data/
OUTPUTS: results/{budget}/cubes/{experiment}/{axis}.nc
"""


rule evaluate:
    input:
        checkpoints=checkpoints,
        histories=histories,
        recipes=test_sets,
        atlas=atlas,
    output:
        shard=f"results/{BUDGET}/shards/{{experiment}}/{{part}}.nc",
    log:
        f"results/{BUDGET}/logs/evaluate/{{experiment}}.{{part}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/evaluate/{{experiment}}.{{part}}.tsv"
    priority: depth_first("evaluate")
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        **asked("evaluate"),
    params:
        models=models,
        axes=axes,
        seeds=seeds,
        shown=all_shown,
        place=f"{BUDGET}/{{experiment}}",
    shell:  # exec: signals reach the evaluation at once
        "exec fernn evaluate {params.models:q} --seeds {params.seeds}"
        " --axes {params.axes:q} --recipes {input.recipes:q} --atlas {input.atlas:q}"
        " --place {params.place:q} --shown {params.shown:q}"
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
    priority: depth_first("combine")
    localrule: is_local("combine")
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("combine"),
    params:
        attrs=described,
    shell:
        "fernn combine --shards {input.shards:q} --axis {wildcards.axis}"
        " --attrs {params.attrs:q} --output {output.cube:q} 2> {log:q}"


rule bench:
    output:
        cube=f"results/{BUDGET}/cubes/bench/{{measurement}}.nc",
    log:
        f"results/{BUDGET}/logs/bench/{{measurement}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/bench/{{measurement}}.tsv"
    localrule: is_local("bench")
    conda:
        "../../envs/fernn.yaml"
    threads: 1  # no priority: it fills a core that waits for others
    resources:
        **asked("bench"),
    params:
        program=os.path.relpath(HOME / "benchmarks"),
        attrs=json.dumps({"budget": BUDGET}),
        quick="--quick" if PLAN["quick"] else "",
    shell:
        "python {params.program:q} {wildcards.measurement} {params.quick}"
        " --attrs {params.attrs:q} --output {output.cube:q} 2> {log:q}"
