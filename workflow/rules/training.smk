"""Trained models: a job for each seed or for all seeds of a model, or its study too.

REQUIRED INPUTS: results/{budget}/data/, results/{budget}/studies/
OUTPUTS: results/{budget}/runs/{experiment}/{model}/{seed}/model.pt and history.nc
"""

TOGETHER = PLAN["together"]  # seeds that one job trains
APART = {  # seeds of experiments with other ones, and of models that trials need
    PLAN["tuning_seed"],
    *(
        s
        for each in EXPERIMENTS.values()
        if each["seeds"] != TOGETHER
        for s in each["seeds"]
    ),
}


# A seed of both kinds of experiments. Else one rule alone fits a file: Snakemake plans
# a job for each rule that does.
ruleorder: learn > train_seeds > train


rule train:
    input:
        train=f"results/{BUDGET}/data/{{experiment}}/train.nc",
        val=f"results/{BUDGET}/data/{{experiment}}/val.nc",
        atlas=atlas,
        needed=needed_models,
        best=best,
    output:
        model=f"results/{BUDGET}/runs/{{experiment}}/{{model}}/{{seed}}/model.pt",
        described=f"results/{BUDGET}/runs/{{experiment}}/{{model}}/{{seed}}/model.pt.json",
        history=f"results/{BUDGET}/runs/{{experiment}}/{{model}}/{{seed}}/history.nc",
    log:
        f"results/{BUDGET}/logs/train/{{experiment}}.{{model}}.{{seed}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/train/{{experiment}}.{{model}}.{{seed}}.tsv"
    wildcard_constraints:
        seed=any_of(APART),
    priority: depth_first("train")
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        **asked("train"),
    params:
        model=entry("{experiment}", "models", "{model}", "model"),
        training=entry("{experiment}", "models", "{model}", "training"),
        needs=needs,
        shown=shown,
        key=f"{BUDGET}/{{experiment}}/{{model}}/seed-{{seed}}",
    shell:  # exec: signals reach the training at once, and it has time to save
        "exec fernn train --train {input.train:q} --val {input.val:q} --atlas {input.atlas:q}"
        " --model {params.model:q} --training {params.training:q} --best {input.best:q}"
        " --seed {wildcards.seed} {params.needs:q} --key {params.key:q} --shown {params.shown:q}"
        " --devices {resources.gpu} --output {output.model:q} 2>> {log:q}"


rule train_seeds:
    input:
        train=f"results/{BUDGET}/data/{{experiment}}/train.nc",
        val=f"results/{BUDGET}/data/{{experiment}}/val.nc",
        atlas=atlas,
        needed=needed_by_all,
        best=best,
    output:
        models=of_each_seed("model.pt"),
        described=of_each_seed("model.pt.json"),
        histories=of_each_seed("history.nc"),
    log:
        f"results/{BUDGET}/logs/train_seeds/{{experiment}}.{{model}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/train_seeds/{{experiment}}.{{model}}.tsv"
    wildcard_constraints:
        experiment=any_of(
            name
            for name, each in EXPERIMENTS.items()
            if each["seeds"] == TOGETHER and name not in PLAN["learned"]
        ),
    priority: depth_first("train")
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        **asked("train_seeds"),
    params:
        model=entry("{experiment}", "models", "{model}", "model"),
        training=entry("{experiment}", "models", "{model}", "training"),
        seeds=TOGETHER,
        needs=needs_of_each,
        shown=shown,
        key=f"{BUDGET}/{{experiment}}/{{model}}/train",
    shell:  # exec: signals reach the training at once, and it has time to save
        "exec fernn train --train {input.train:q} --val {input.val:q} --atlas {input.atlas:q}"
        " --model {params.model:q} --training {params.training:q} --best {input.best:q}"
        " --seed {params.seeds} {params.needs:q} --key {params.key:q} --shown {params.shown:q}"
        " --output {output.models:q} 2>> {log:q}"


rule learn:
    input:
        train=f"results/{BUDGET}/data/{{experiment}}/train.nc",
        val=f"results/{BUDGET}/data/{{experiment}}/val.nc",
        atlas=atlas,
        needed=needed_by_trials_and_seeds,
    output:
        done=f"results/{BUDGET}/studies/{{experiment}}/{{model}}/worker-0.json",
        best=f"results/{BUDGET}/studies/{{experiment}}/{{model}}/best.json",
        models=of_each_seed("model.pt"),
        described=of_each_seed("model.pt.json"),
        histories=of_each_seed("history.nc"),
    log:
        f"results/{BUDGET}/logs/learn/{{experiment}}.{{model}}.log",
    benchmark:
        f"results/{BUDGET}/benchmarks/learn/{{experiment}}.{{model}}.tsv"
    wildcard_constraints:
        experiment=any_of(PLAN["learned"]),
    priority: depth_first("train")
    conda:
        "../../envs/fernn.yaml"
    threads: 1
    resources:
        **asked("learn"),
    params:
        model=entry("{experiment}", "models", "{model}", "model"),
        training=entry("{experiment}", "models", "{model}", "training"),
        trial=entry("{experiment}", "models", "{model}", "trial"),
        tuning=entry("{experiment}", "models", "{model}", "tuning"),
        trials=trials,
        study=lambda wildcards, output: Path(output.done).parent,
        together=first_together,
        seeds=TOGETHER,
        needs_of_trials=needs,
        needs=needs_of_each,
        shown=shown,
        key=f"{BUDGET}/{{experiment}}/{{model}}",
    shell:  # three commands in one process, which starts and loads torch once
        "exec fernn tune --train {input.train:q} --val {input.val:q} --atlas {input.atlas:q}"
        " --model {params.model:q} --training {params.trial:q}"
        " --tuning {params.tuning:q} --study {params.study:q}"
        " {params.together} {params.needs_of_trials:q} --key {params.key:q}/tune"
        " --shown {params.shown:q} --output {output.done:q}"
        " then select --results {output.done:q} --trials {params.trials}"
        " --output {output.best:q}"
        " then train --train {input.train:q} --val {input.val:q} --atlas {input.atlas:q}"
        " --model {params.model:q} --training {params.training:q} --best {output.best:q}"
        " --seed {params.seeds} {params.needs:q} --key {params.key:q}/train"
        " --shown {params.shown:q} --output {output.models:q} 2>> {log:q}"
