"""What every analysis may look at besides the run."""

from dataclasses import dataclass

from pipeline_lib.analysis.params import AnalysisParams
from pipeline_lib.common.stimulus_table import StimulusTable
from pipeline_lib.retrieval.opened_runs import Inputs


@dataclass(frozen=True)
class Context:
    """Settings and inputs of the analyses.

    Attributes
    ----------
    params : AnalysisParams
    inputs : Inputs
        Folders of runs and epochs, the feature bank and the stimulus table.
    """

    params: AnalysisParams
    inputs: Inputs

    @property
    def stimuli(self) -> StimulusTable:
        """The stimulus table."""
        return self.inputs.table
