"""Figures, tables, and a page to look at cubes.

REQUIRED INPUTS: results/{budget}/cubes/
OUTPUTS: results/{budget}/figures/{figure}.png and .pdf, tables/{table}.csv, .md, .tex and .html, tables/numbers.tex,
    look.html, playground.html
"""


rule figure:
    input:
        cubes=cubes("figures"),
        module=module("figures"),
        shared=shared("figures"),
    output:
        png=report(
            f"results/{BUDGET}/figures/{{figure}}.png",
            caption="../report/item.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        pdf=f"results/{BUDGET}/figures/{{figure}}.pdf",
    log:
        f"results/{BUDGET}/logs/figure/{{figure}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/figure/{{figure}}.tsv"
    priority: SHOWING
    localrule: is_local("figure")
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("figure"),
    params:
        caption=caption,
    shell:
        "fernn figure {wildcards.figure} --cubes {input.cubes:q}"
        " --output {output.pdf:q} {output.png:q} 2> {log:q}"


rule table:
    input:
        cubes=cubes("tables"),
        module=module("tables"),
        shared=shared("tables"),
    output:
        page=report(
            f"results/{BUDGET}/tables/{{table}}.html",
            caption="../report/item.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        csv=f"results/{BUDGET}/tables/{{table}}.csv",
        markdown=f"results/{BUDGET}/tables/{{table}}.md",
        latex=f"results/{BUDGET}/tables/{{table}}.tex",
    log:
        f"results/{BUDGET}/logs/table/{{table}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/table/{{table}}.tsv"
    priority: SHOWING
    localrule: is_local("table")
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("table"),
    params:
        caption=caption,
    shell:
        "fernn table {wildcards.table} --cubes {input.cubes:q}"
        " --output {output.csv:q} {output.markdown:q} {output.latex:q} {output.page:q}"
        " 2> {log:q}"


rule numbers:
    input:
        tables("csv"),
    output:
        macros=f"results/{BUDGET}/tables/numbers.tex",
    log:
        f"results/{BUDGET}/logs/numbers.log",
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("numbers"),
    shell:
        "fernn numbers {input:q} --output {output.macros:q} 2> {log:q}"


rule look:
    input:
        all_cubes(),
    output:
        page=report(
            f"results/{BUDGET}/look.html",
            caption="../report/look.rst",
            category="Look",
            labels={"what": "all cubes"},
        ),
    log:
        f"results/{BUDGET}/logs/look.log",
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("look"),
    shell:
        "fernn look {input:q} --output {output.page:q} 2> {log:q}"


rule playground:
    output:
        page=report(
            f"results/{BUDGET}/playground.html",
            caption="../report/playground.rst",
            category="Playground",
            labels={"what": "trained models that come along"},
        ),
    log:
        f"results/{BUDGET}/logs/playground.log",
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("playground"),
    shell:
        "fernn playground --output {output.page:q} 2> {log:q}"
