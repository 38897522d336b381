"""The paper: `snakemake figure_3` makes that item of it, `snakemake paper` all.

REQUIRED INPUTS: results/{budget}/figures/, results/{budget}/tables/
OUTPUTS: none of its own
"""

for item in filter(shown_in, PLAN["paper"]):  # others are not in this budget

    rule:
        name:
            item
        input:
            shown_in(item),
        localrule: True


rule paper:
    input:
        [shown_in(item) for item in PLAN["paper"]],
    localrule: True
