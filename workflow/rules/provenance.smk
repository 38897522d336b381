"""What was run, and what everything was made from.

REQUIRED INPUTS: results/{budget}/figures/, results/{budget}/tables/
OUTPUTS: results/{budget}/config.json (the plan), results/{budget}/lineage.txt
"""


rule config:
    output:
        plan=report(
            f"results/{BUDGET}/config.json",
            caption="../report/config.rst",
            category="Provenance",
            labels={"what": "configuration"},
        ),
    log:
        f"results/{BUDGET}/logs/config.log",
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    params:
        plan=json.dumps(PLAN, indent=1),
    shell:
        "printf '%s\\n' {params.plan:q} > {output.plan:q} 2> {log:q}"


rule trace:
    input:
        figures(),
        tables("md"),
    output:
        lineage=report(
            f"results/{BUDGET}/lineage.txt",
            caption="../report/lineage.rst",
            category="Provenance",
            labels={"what": "lineage"},
        ),
    log:
        f"results/{BUDGET}/logs/trace.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/trace.tsv"
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "fernn trace {input:q} > {output.lineage:q} 2> {log:q}"
