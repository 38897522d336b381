"""Hyperparameters in rounds, `mode: batch`: each trial a job, the same in every run.

REQUIRED INPUTS: results/{budget}/data/
OUTPUTS: results/{budget}/studies/{experiment}/{model}/trial-{slot}.json
"""

SIZE = PLAN["workers"]  # trials in a round


wildcard_constraints:
    round=any_of(range(-(-PLAN["trials"] // SIZE))),
    slot=any_of(range(PLAN["trials"])),


rule ask:
    input:
        results=lambda wildcards: expand(
            f"results/{BUDGET}/studies/{wildcards.experiment}/{wildcards.model}/trial-{{slot}}.json",
            slot=range(int(wildcards.round) * SIZE),
        ),
    output:
        asked=f"results/{BUDGET}/studies/{{experiment}}/{{model}}/round-{{round}}.json",
    log:
        f"results/{BUDGET}/logs/ask/{{experiment}}.{{model}}.{{round}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/ask/{{experiment}}.{{model}}.{{round}}.tsv"
    priority: depth_first("select")
    localrule: True
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("ask"),
    params:
        training=first_trial,
        tuning=lambda wildcards: json.dumps(
            {  # all but the number of trials: more of them change no earlier ones
                name: EXPERIMENTS[wildcards.experiment]["models"][wildcards.model][
                    "tuning"
                ][name]
                for name in ("ranges", "first")
            },
            sort_keys=True,
        ),
        size=SIZE,
    shell:
        "fernn ask --training {params.training:q} --tuning {params.tuning:q}"
        " --round {wildcards.round} --size {params.size}"
        " --results {input.results:q} --output {output.asked:q} 2> {log:q}"


rule trial:
    input:
        train=f"results/{BUDGET}/data/{{experiment}}/train.nc",
        val=f"results/{BUDGET}/data/{{experiment}}/val.nc",
        atlas=atlas,
        needed=needed_models,
        asked=lambda wildcards: f"results/{BUDGET}/studies/{wildcards.experiment}/{wildcards.model}/round-{int(wildcards.slot) // SIZE}.json",
    output:
        result=f"results/{BUDGET}/studies/{{experiment}}/{{model}}/trial-{{slot}}.json",
    log:
        f"results/{BUDGET}/logs/trial/{{experiment}}.{{model}}.{{slot}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/trial/{{experiment}}.{{model}}.{{slot}}.tsv"
    priority: depth_first("tune")
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        **asked("trial"),
    params:
        model=entry("{experiment}", "models", "{model}", "model"),
        training=entry("{experiment}", "models", "{model}", "trial"),
        study=lambda wildcards, output: Path(output.result).parent,
        needs=needs,
        shown=shown,
        key=f"{BUDGET}/{{experiment}}/{{model}}/trial",
    shell:  # exec: signals reach the training at once, and it has time to save
        "exec fernn trial --train {input.train:q} --val {input.val:q}"
        " --atlas {input.atlas:q}"
        " --model {params.model:q} --training {params.training:q}"
        " --asked {input.asked:q} --slot {wildcards.slot} --study {params.study:q}"
        " {params.needs:q} --key {params.key:q} --shown {params.shown:q}"
        " --output {output.result:q} 2>> {log:q}"
