"""What was run, and what everything was made from.

REQUIRED INPUTS: results/{budget}/figures/, results/{budget}/tables/
OUTPUTS: results/{budget}/config.json (the plan), lineage.txt, both as .html; SHA256SUMS
"""


rule config:
    output:
        plan=f"results/{BUDGET}/config.json",
        page=report(
            f"results/{BUDGET}/config.html",
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
        "(printf '%s\\n' {params.plan:q} > {output.plan:q}"
        " && echo '<pre>' | cat - {output.plan:q} > {output.page:q}) 2> {log:q}"


rule trace:
    input:
        figures(),
        tables("md"),
        f"results/{BUDGET}/tables/numbers.tex",
    output:
        sums=f"results/{BUDGET}/SHA256SUMS",
        lineage=f"results/{BUDGET}/lineage.txt",
        page=report(
            f"results/{BUDGET}/lineage.html",
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
        **asked("trace"),
    shell:
        "(fernn trace {input:q} --sums {output.sums:q} > {output.lineage:q}"
        " && echo '<pre>' | cat - {output.lineage:q} > {output.page:q}) 2> {log:q}"
