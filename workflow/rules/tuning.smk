"""Hyperparameters: workers that share a study, and the choice of the best trial.

REQUIRED INPUTS: results/{budget}/data/
OUTPUTS: results/{budget}/studies/{experiment}/{model}/best.json
"""

ENDED = {  # the files that say that a number of trials of a study have ended, by mode
    "workers": lambda number: expand("worker-{worker}.json", worker=WORKERS[:number]),
    "batch": lambda number: expand("trial-{slot}.json", slot=range(number)),
}

TUNED = any_of(EXPERIMENTS.keys() - {*PLAN["learned"]})  # by jobs of these rules


rule tune:
    input:
        train=f"results/{BUDGET}/data/{{experiment}}/train.nc",
        val=f"results/{BUDGET}/data/{{experiment}}/val.nc",
        atlas=atlas,
        needed=needed_models,
    output:
        done=f"results/{BUDGET}/studies/{{experiment}}/{{model}}/worker-{{worker}}.json",
    log:
        f"results/{BUDGET}/logs/tune/{{experiment}}.{{model}}.{{worker}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/tune/{{experiment}}.{{model}}.{{worker}}.tsv"
    wildcard_constraints:
        experiment=TUNED,
    priority: depth_first("tune")
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        **asked("tune"),
    params:
        model=entry("{experiment}", "models", "{model}", "model"),
        training=entry("{experiment}", "models", "{model}", "trial"),
        tuning=entry("{experiment}", "models", "{model}", "tuning"),
        study=lambda wildcards, output: Path(output.done).parent,
        together=first_together,
        needs=needs,
        shown=shown,
        key=f"{BUDGET}/{{experiment}}/{{model}}/tune",
    shell:  # exec: signals reach the training at once, and it has time to save
        "exec fernn tune --train {input.train:q} --val {input.val:q} --atlas {input.atlas:q}"
        " --model {params.model:q} --training {params.training:q}"
        " --tuning {params.tuning:q} --study {params.study:q}"
        " {params.together} {params.needs:q} --key {params.key:q} --shown {params.shown:q}"
        " --output {output.done:q} 2>> {log:q}"


rule select:
    input:
        results=lambda wildcards: expand(
            f"results/{BUDGET}/studies/{wildcards.experiment}/{wildcards.model}/{{ended}}",
            ended=ENDED[PLAN["tuning_mode"]](trials(wildcards)),
        ),
    output:
        best=f"results/{BUDGET}/studies/{{experiment}}/{{model}}/best.json",
    log:
        f"results/{BUDGET}/logs/select/{{experiment}}.{{model}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/select/{{experiment}}.{{model}}.tsv"
    wildcard_constraints:
        experiment=TUNED,
    priority: depth_first("select")
    localrule: is_local("select")
    conda:
        "../../envs/fernn.yaml"
    resources:
        **asked("select"),
    params:
        trials=trials,
    shell:
        "fernn select --results {input.results:q} --trials {params.trials}"
        " --output {output.best:q} 2> {log:q}"
