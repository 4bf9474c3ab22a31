"""Run by test_distributed in each of several processes: gradients of one step, the choice of views, and a whole run.

python -m torch.distributed.run --standalone --nproc_per_node 2 -m tests.training.two_processes FOLDER
"""

import dataclasses
import sys
from pathlib import Path

import torch
import yaml

from pipeline_lib.training.distributed import Processes, join_processes
from pipeline_lib.training.run import train_run
from tests.training.conftest import Study, inputs_of, make_settings, trainer_of

CPU = torch.device("cpu")
ROWS = torch.arange(25)  # 13 for the first of two processes, 12 for the second


def step(study: Study, params: dict, processes: Processes) -> dict:
    """Losses, what the balancer logs, and gradients after one step, then the validation losses."""
    trainer = trainer_of(study, make_settings(params), processes=processes)
    losses, record, _ = trainer.gradients(ROWS)
    gradients = {name: p.grad.clone() for name, p in trainer.model.named_parameters() if p.grad is not None}
    trainer.optimizer.step()
    return {"losses": losses, "record": record, "gradients": gradients, "valid": trainer.validate()}


def choice(study: Study, params: dict, processes: Processes) -> list[dict]:
    """After some epochs, the choice of views in each process."""
    trainer = trainer_of(study, make_settings(params), processes=processes)
    trainer.fit("test")
    return processes.everyones(trainer.choice.state_dict())


def main(folder: Path) -> None:
    """Read the cases, compute, and let the first process write the results."""
    study = Study(folder / "stimuli.csv", folder / "features.h5", folder / "epochs")
    cases = yaml.safe_load((folder / "cases.yaml").read_text())
    processes = join_processes(CPU)
    results = {name: step(study, params, processes) for name, params in cases.items()}
    results["choice"] = choice(study, cases["views"], processes)
    results["processes"] = [dataclasses.asdict(found) for found in processes.everyones(processes)]
    if processes.first:
        torch.save(results, folder / "results.pt")
    settings = make_settings(next(iter(cases.values())))
    print(train_run(inputs_of(study), settings, n_epochs=settings.train.epochs, seed=0, out=folder / "run"), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
