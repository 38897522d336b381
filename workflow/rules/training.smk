"""Trained models.

REQUIRED INPUTS: results/{budget}/data/, results/{budget}/studies/
OUTPUTS: results/{budget}/runs/{experiment}/{model}/{seed}/model.pt and history.nc
"""


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
