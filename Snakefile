"""Flow equivariant recurrent neural networks: data → tuning → training → results."""

from snakemake.utils import min_version

min_version("9.20")


configfile: f"{workflow.current_basedir}/config.yaml"


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"


rule all:
    default_target: True
    input:
        all_cubes(),
        figures(),
        tables(),
        f"results/{BUDGET}/config.json",
        f"results/{BUDGET}/lineage.txt",
        f"results/{BUDGET}/SHA256SUMS",
        f"results/{BUDGET}/look.html",
        f"results/{BUDGET}/playground.html",
        f"results/{BUDGET}/tracking.json",


include: "workflow/rules/synthesis.smk"
include: "workflow/rules/tuning.smk"
include: "workflow/rules/tuning_batch.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/evaluation.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/paper.smk"
include: "workflow/rules/provenance.smk"
include: "workflow/rules/tracking.smk"
include: "workflow/rules/targets.smk"
include: "workflow/rules/controller.smk"
