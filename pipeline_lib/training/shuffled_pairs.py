"""The negative control: training pairs whose image has nothing to do with the response.

Within each training subject the images are dealt anew to the responses, all samples' in one shuffle: every image stays
as frequent as it was, every response is kept, and repeats of an image no longer share theirs. It comes before the
validation part is drawn, so the epoch is chosen by shuffled pairs too. The test partition stays as it is, and retrieval
there has to end at chance: what is above it, the pipeline has let slip through.
"""

from dataclasses import replace

import torch

from pipeline_lib.training.data import Samples


def shuffled_pairs(samples: Samples, generator: torch.Generator) -> Samples:
    """The same samples with each subject's images in another order.

    Parameters
    ----------
    samples : Samples
    generator : torch.Generator
        On the CPU.
    """
    item = samples.item.clone()
    for subject in samples.subject.unique():
        rows = torch.nonzero(samples.subject == subject).flatten()
        item[rows] = item[rows[torch.randperm(len(rows), generator=generator)]]
    return replace(samples, item=item)
