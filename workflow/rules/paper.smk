"""Targets with names: `snakemake figure_3` makes that item of the paper, `paper` all.

Those of `targets` are made likewise.

REQUIRED INPUTS: results/{budget}/figures/, results/{budget}/tables/
OUTPUTS: results/{budget}/reproduction.md
"""

for item in filter(shown_in, [*PLAN["targets"], *PLAN["paper"]]):  # of this budget

    rule:
        name:
            item
        input:
            shown_in(item),
        localrule: True


rule paper:
    input:
        [shown_in(item) for item in PLAN["paper"]],
        f"results/{BUDGET}/reproduction.md",
    localrule: True


rule reproduction:
    input:
        cubes=shown_cubes(),
        plan=f"results/{BUDGET}/config.json",
    output:
        page=f"results/{BUDGET}/reproduction.md",
    log:
        f"results/{BUDGET}/logs/reproduction.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/reproduction.tsv"
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("reproduction"),
    params:
        configuration=FILES,
    shell:
        "fernn reproduction --plan {input.plan:q} --configfile {params.configuration:q}"
        " --output {output.page:q} 2> {log:q}"
