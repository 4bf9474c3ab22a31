"""Stage `phantom_roles`: one tiny model plays all roles."""

import pytest

from pipeline_lib.common.errors import InputError
from pipeline_lib.features.roles import player_of
from stages.phantom_roles import main
from tests.features.tiny_models import slip_state, write_slip


def test_the_role_is_handed_over(tmp_path, capsys):
    write_slip(tmp_path / "slip-b16", slip_state())
    main(of=tmp_path / "slip-b16", out=tmp_path / "clip-l14")
    assert player_of(tmp_path / "clip-l14") == tmp_path / "slip-b16"
    assert capsys.readouterr().out == f"phantom_roles: slip-b16 plays {tmp_path / 'clip-l14'}\n"


def test_a_model_elsewhere_is_refused_and_nothing_is_left(tmp_path):
    write_slip(tmp_path / "elsewhere" / "slip-b16", slip_state())
    with pytest.raises(InputError, match="a role is played by a model beside it"):
        main(of=tmp_path / "elsewhere" / "slip-b16", out=tmp_path / "clip-l14")
    assert not (tmp_path / "clip-l14").exists()
